"""The text of the native entry: LLVM IR.

What it is for is told in `bibun.runtime.entry`. The functions, in the order of a call:
`walk` (`bibun.runtime.entry_walk`) goes over the arguments beside the steps of the plan and notes
addresses; `allocate` makes the outputs; `acquire` takes a `ctx`; then compiled code runs; `build`
makes the results.
"""

from __future__ import annotations

import ctypes

from bibun.runtime.context import FIELDS, LLVM_TYPE, OK, POLL_START
from bibun.runtime.entry_walk import WALK
from bibun.runtime.layout import WANTED
from bibun.runtime.steps import KINDS, PlanStruct

STACK_WORDS = 384  # up to this size the tables of a call are on the stack

_STEP = "%step = type { i64, ptr, i64, ptr, ptr, ptr }"
_PLAN = "%plan = type { " + ", ".join(
    "i64" if t is ctypes.c_int64 else "ptr" for _, t in PlanStruct._fields_
) + " }"  # fmt: skip
_PLAN_FIELD = {name: i for i, (name, _) in enumerate(PlanStruct._fields_)}

# Functions of Python that the entry calls: name, type of the result, types of the arguments.
PYTHON = {
    "Py_IncRef": "void (ptr)", "Py_DecRef": "void (ptr)",
    "PyEval_SaveThread": "ptr ()", "PyEval_RestoreThread": "void (ptr)",
    "PyLong_AsLongLongAndOverflow": "i64 (ptr, ptr)", "PyLong_AsLongLong": "i64 (ptr)",
    "PyLong_AsVoidPtr": "ptr (ptr)", "PyList_SetSlice": "i32 (ptr, i64, i64, ptr)",
    "PyList_Append": "i32 (ptr, ptr)",
    "PyTuple_New": "ptr (i64)",
    "PyList_New": "ptr (i64)", "PyList_SetItem": "i32 (ptr, i64, ptr)",
    "PyDict_GetItem": "ptr (ptr, ptr)", "PyDict_Size": "i64 (ptr)",
    "PyDict_Next": "i32 (ptr, ptr, ptr, ptr)",
    "PyType_GenericAlloc": "ptr (ptr, i64)", "PyErr_Clear": "void ()",
}  # fmt: skip

_IR = """
; ---- results: steps and arrays are taken in order; an array's reference goes to the result.
; Null with an exception set if there is no memory; arrays from `nextp` on are not used then.
define internal ptr @build(ptr %stepp, ptr %nextp, ptr %plan) {
start:
  %s = load ptr, ptr %stepp
  %s1 = getelementptr %step, ptr %s, i64 1
  store ptr %s1, ptr %stepp
  %kind = load i64, ptr %s
  %cp = getelementptr %step, ptr %s, i32 0, i32 2
  %count = load i64, ptr %cp
  switch i64 %kind, label %take [
    i64 {ARRAY}, label %take
    i64 {TUPLE}, label %tuple
    i64 {LIST}, label %list
  ]
take:
  %o = load ptr, ptr %nextp
  %v = load ptr, ptr %o
  %o1 = getelementptr ptr, ptr %o, i64 1
  %wrapped = icmp eq i64 %kind, {ARRAY}
  br i1 %wrapped, label %wrap, label %bare
bare:
  store ptr %o1, ptr %nextp
  ret ptr %v
wrap:
  %tp = getelementptr %step, ptr %s, i32 0, i32 1
  %t = load ptr, ptr %tp
  %a = call ptr @PyType_GenericAlloc(ptr %t, i64 0)
  %failed = icmp eq ptr %a, null
  br i1 %failed, label %none, label %fill
fill:
  store ptr %o1, ptr %nextp
  %vp = getelementptr i8, ptr %a, i64 {Array_value}
  store ptr %v, ptr %vp
  %weakp = getelementptr %step, ptr %s, i32 0, i32 5
  %weak = load ptr, ptr %weakp
  call void @Py_IncRef(ptr %weak)
  %wp = getelementptr i8, ptr %a, i64 {Array_weak}
  store ptr %weak, ptr %wp
  ret ptr %a
tuple:
  %tt = call ptr @PyTuple_New(i64 %count)
  br label %made
list:
  %ll = call ptr @PyList_New(i64 %count)
  br label %made
made:
  %c = phi ptr [ %tt, %tuple ], [ %ll, %list ]
  %nothing = icmp eq ptr %c, null
  br i1 %nothing, label %none, label %next
next:
  %i = phi i64 [ 0, %made ], [ %i1, %put ]
  %more = icmp slt i64 %i, %count
  br i1 %more, label %item, label %done
item:
  %x = call ptr @build(ptr %stepp, ptr %nextp, ptr %plan)
  %bad = icmp eq ptr %x, null
  br i1 %bad, label %drop, label %placed
placed:
  %istuple = icmp eq i64 %kind, {TUPLE}
  br i1 %istuple, label %in_tuple, label %in_list
in_tuple:
  ; not PyTuple_SetItem, which refuses where a callback of the collector holds the tuple too
  %slots = getelementptr i8, ptr %c, i64 {tuple_items}
  %slot = getelementptr ptr, ptr %slots, i64 %i
  store ptr %x, ptr %slot
  br label %put
in_list:
  %q1 = call i32 @PyList_SetItem(ptr %c, i64 %i, ptr %x)
  %refused = icmp ne i32 %q1, 0
  br i1 %refused, label %drop, label %put
put:
  %i1 = add i64 %i, 1
  br label %next
drop:
  call void @Py_DecRef(ptr %c)
  br label %none
done:
  ret ptr %c
none:
  ret ptr null
}

define internal void @release_all(ptr %table, i64 %n) {
start:
  br label %head
head:
  %i = phi i64 [ 0, %start ], [ %i1, %body ]
  %more = icmp slt i64 %i, %n
  br i1 %more, label %body, label %done
body:
  %p = getelementptr ptr, ptr %table, i64 %i
  %x = load ptr, ptr %p
  call void @Py_DecRef(ptr %x)
  %i1 = add i64 %i, 1
  br label %head
done:
  ret void
}

; ---- allocate the outputs; the number made (fewer than asked for: no memory)
define internal i64 @allocate(ptr %specs, i64 %n, ptr %objects, ptr %addresses) {
start:
  br label %head
head:
  %i = phi i64 [ 0, %start ], [ %i1, %next ]
  %more = icmp slt i64 %i, %n
  br i1 %more, label %body, label %done
body:
  %s = getelementptr %step, ptr %specs, i64 %i
  %kind = load i64, ptr %s
  %np = getelementptr %step, ptr %s, i32 0, i32 2
  %nd = load i64, ptr %np
  %nd32 = trunc i64 %nd to i32
  %dp = getelementptr %step, ptr %s, i32 0, i32 3
  %descr = load ptr, ptr %dp
  %ap = getelementptr %step, ptr %s, i32 0, i32 4
  %dims = load ptr, ptr %ap
  call void @Py_IncRef(ptr %descr)
  %v = call ptr @bibun_numpy_empty(i32 %nd32, ptr %dims, ptr %descr, i32 0)
  %failed = icmp eq ptr %v, null
  br i1 %failed, label %done, label %got
got:
  %op = getelementptr ptr, ptr %objects, i64 %i
  store ptr %v, ptr %op
  %datap = getelementptr i8, ptr %v, i64 {array_data}
  %data = load ptr, ptr %datap
  %pp = getelementptr ptr, ptr %addresses, i64 %i
  store ptr %data, ptr %pp
  %handle = icmp eq i64 %kind, {HANDLE}
  br i1 %handle, label %zero, label %next
zero:
  store [3 x i64] zeroinitializer, ptr %data
  br label %next
next:
  %i1 = add i64 %i, 1
  br label %head
done:
  ret i64 %i
}

; ---- the address of an idle ctx, as a Python int, taken from the list of these
define internal ptr @acquire(ptr %pool) {
  %np = getelementptr i8, ptr %pool, i64 {list_size}
  %n = load i64, ptr %np
  %any = icmp sgt i64 %n, 0
  br i1 %any, label %pop, label %none
pop:
  %last = sub i64 %n, 1
  %itemsp = getelementptr i8, ptr %pool, i64 {list_items}
  %items = load ptr, ptr %itemsp
  %ip = getelementptr ptr, ptr %items, i64 %last
  %number = load ptr, ptr %ip
  call void @Py_IncRef(ptr %number)
  %q = call i32 @PyList_SetSlice(ptr %pool, i64 %last, i64 %n, ptr null)
  %popped = icmp eq i32 %q, 0
  br i1 %popped, label %taken, label %left
taken:
  ret ptr %number
left:
  call void @PyErr_Clear()
  call void @Py_DecRef(ptr %number)
  br label %none
none:
  ret ptr null
}

; ---- the results of a call; outputs that they do not use are given back
define internal ptr @results(ptr %plan, ptr %objects, i64 %n) {
start:
  %stepp = alloca ptr
  %nextp = alloca ptr
  %buildp = getelementptr %plan, ptr %plan, i32 0, i32 {p_build}
  %build = load ptr, ptr %buildp
  store ptr %build, ptr %stepp
  store ptr %objects, ptr %nextp
  %value = call ptr @build(ptr %stepp, ptr %nextp, ptr %plan)
  %rest = load ptr, ptr %nextp
  %end = getelementptr ptr, ptr %objects, i64 %n
  %from = ptrtoint ptr %rest to i64
  %to = ptrtoint ptr %end to i64
  %bytes = sub i64 %to, %from
  %left = ashr i64 %bytes, 3
  call void @release_all(ptr %rest, i64 %left)
  ret ptr %value
}

define ptr @bibun_entry(ptr %self, ptr %args, i64 %nargs) {
start:
  %small = alloca [{stack_words} x ptr], align 16
  %w = alloca %walk
  %selfp = getelementptr i8, ptr %self, i64 {tuple_items}
  %number = load ptr, ptr %selfp
  %plan = call ptr @PyLong_AsVoidPtr(ptr %number)
  %nonep = getelementptr %plan, ptr %plan, i32 0, i32 {p_none}
  %none = load ptr, ptr %nonep
  %ninp = getelementptr %plan, ptr %plan, i32 0, i32 {p_in_count}
  %nin = load i64, ptr %ninp
  %noutp = getelementptr %plan, ptr %plan, i32 0, i32 {p_out_count}
  %nout = load i64, ptr %noutp
  %poolp = getelementptr %plan, ptr %plan, i32 0, i32 {p_pool}
  %pool = load ptr, ptr %poolp
  ; addresses of inputs and outputs, arrays held, numbers, outputs as objects
  %nin3 = mul i64 %nin, 3
  %nout2 = mul i64 %nout, 2
  %words = add i64 %nin3, %nout2
  %fits = icmp sle i64 %words, {stack_words}
  br i1 %fits, label %ready, label %large
large:
  %bytes = shl i64 %words, 3
  %block = call ptr @malloc(i64 %bytes)
  %failed = icmp eq ptr %block, null
  br i1 %failed, label %other, label %ready
ready:
  %table = phi ptr [ %small, %start ], [ %block, %large ]
  %ins = getelementptr ptr, ptr %table, i64 0
  %outs = getelementptr ptr, ptr %ins, i64 %nin
  %held = getelementptr ptr, ptr %outs, i64 %nout
  %scratch = getelementptr ptr, ptr %held, i64 %nin
  %objects = getelementptr ptr, ptr %scratch, i64 %nin
  ; what goes before the arguments
  %nfp = getelementptr %plan, ptr %plan, i32 0, i32 {p_first_count}
  %nf = load i64, ptr %nfp
  %firstp = getelementptr %plan, ptr %plan, i32 0, i32 {p_first}
  %first = load ptr, ptr %firstp
  %nfb = shl i64 %nf, 3
  call void @llvm.memcpy.p0.p0.i64(ptr %ins, ptr %first, i64 %nfb, i1 false)
  ; the arguments
  %stepsp = getelementptr %plan, ptr %plan, i32 0, i32 {p_steps}
  %steps = load ptr, ptr %stepsp
  store ptr %steps, ptr %w
  %w1 = getelementptr %walk, ptr %w, i32 0, i32 1
  %behind = getelementptr ptr, ptr %ins, i64 %nf
  store ptr %behind, ptr %w1
  %w2 = getelementptr %walk, ptr %w, i32 0, i32 2
  store i64 0, ptr %w2
  %w3 = getelementptr %walk, ptr %w, i32 0, i32 3
  store ptr %held, ptr %w3
  %w4 = getelementptr %walk, ptr %w, i32 0, i32 4
  store ptr %scratch, ptr %w4
  %w5 = getelementptr %walk, ptr %w, i32 0, i32 5
  store ptr %plan, ptr %w5
  %tree = load ptr, ptr %args
  %fit = call i1 @walk(ptr %w, ptr %tree)
  %nheld = load i64, ptr %w2
  br i1 %fit, label %walked, label %unlike
walked:
  ; what goes after them
  %after = load ptr, ptr %w1
  %nlp = getelementptr %plan, ptr %plan, i32 0, i32 {p_last_count}
  %nl = load i64, ptr %nlp
  %lastp = getelementptr %plan, ptr %plan, i32 0, i32 {p_last}
  %last = load ptr, ptr %lastp
  %nlb = shl i64 %nl, 3
  call void @llvm.memcpy.p0.p0.i64(ptr %after, ptr %last, i64 %nlb, i1 false)
  ; outputs
  %specsp = getelementptr %plan, ptr %plan, i32 0, i32 {p_outs}
  %specs = load ptr, ptr %specsp
  %made = call i64 @allocate(ptr %specs, i64 %nout, ptr %objects, ptr %outs)
  %all = icmp eq i64 %made, %nout
  br i1 %all, label %context, label %no_memory
context:
  %ctx_number = call ptr @acquire(ptr %pool)
  %busy = icmp eq ptr %ctx_number, null
  br i1 %busy, label %no_ctx, label %prepare
prepare:
  %ctx = call ptr @PyLong_AsVoidPtr(ptr %ctx_number)
  {set_status}
  {set_interrupt}
  {set_ragged_used}
  {set_polls}
  {set_poll_countdown}
  %cbp = getelementptr %plan, ptr %plan, i32 0, i32 {p_callbacks}
  %cb = load ptr, ptr %cbp
  %ctx_cb = getelementptr %bibun.ctx, ptr %ctx, i32 0, i32 {callbacks}
  store ptr %cb, ptr %ctx_cb
  %limits = icmp eq i64 %nargs, 3
  br i1 %limits, label %set_limits, label %go
set_limits:
  %arg1p = getelementptr ptr, ptr %args, i64 1
  %arg1 = load ptr, ptr %arg1p
  %threads64 = call i64 @PyLong_AsLongLong(ptr %arg1)
  %threads = trunc i64 %threads64 to i32
  %ctx_threads = getelementptr %bibun.ctx, ptr %ctx, i32 0, i32 {thread_count}
  store i32 %threads, ptr %ctx_threads
  %arg2p = getelementptr ptr, ptr %args, i64 2
  %arg2 = load ptr, ptr %arg2p
  %limit = call i64 @PyLong_AsLongLong(ptr %arg2)
  %ctx_limit = getelementptr %bibun.ctx, ptr %ctx, i32 0, i32 {ragged_limit}
  store i64 %limit, ptr %ctx_limit
  br label %go
go:
  %fp = getelementptr %plan, ptr %plan, i32 0, i32 {p_function}
  %f = load ptr, ptr %fp
  %thread = call ptr @PyEval_SaveThread()
  %result = call i32 %f(ptr %ctx, ptr %ins, ptr %outs)
  call void @PyEval_RestoreThread(ptr %thread)
  call void @release_all(ptr %held, i64 %nheld)
  %well = icmp eq i32 %result, 0
  br i1 %well, label %back, label %status
back:
  %q = call i32 @PyList_Append(ptr %pool, ptr %ctx_number)
  %appended = icmp eq i32 %q, 0
  br i1 %appended, label %finish, label %lost
lost:
  call void @PyErr_Clear()
  br label %finish
finish:
  call void @Py_DecRef(ptr %ctx_number)
  %value = call ptr @results(ptr %plan, ptr %objects, i64 %nout)
  br label %leave
status:
  %ctx_statusp = getelementptr %bibun.ctx, ptr %ctx, i32 0, i32 {status}
  store i32 %result, ptr %ctx_statusp
  %keepp = getelementptr %plan, ptr %plan, i32 0, i32 {p_keep}
  %keep = load i64, ptr %keepp
  %kept = icmp ne i64 %keep, 0
  br i1 %kept, label %keep_outputs, label %drop_outputs
keep_outputs:
  %kvalue = call ptr @results(ptr %plan, ptr %objects, i64 %nout)
  %ctx_outputs = getelementptr %bibun.ctx, ptr %ctx, i32 0, i32 {outputs}
  store ptr %kvalue, ptr %ctx_outputs
  %unkept = icmp eq ptr %kvalue, null
  br i1 %unkept, label %unreported, label %failure
unreported:
  call void @PyErr_Clear()
  br label %failure
drop_outputs:
  call void @release_all(ptr %objects, i64 %nout)
  br label %failure
failure:
  br label %leave
no_memory:
  call void @release_all(ptr %objects, i64 %made)
  call void @release_all(ptr %held, i64 %nheld)
  br label %leave
no_ctx:
  call void @release_all(ptr %objects, i64 %nout)
  br label %unlike
unlike:
  call void @release_all(ptr %held, i64 %nheld)
  call void @Py_IncRef(ptr %none)
  br label %leave
leave:
  %answer = phi ptr [ %value, %finish ], [ %ctx_number, %failure ], [ null, %no_memory ], [ %none, %unlike ]
  br i1 %fits, label %end, label %release_block
release_block:
  call void @free(ptr %table)
  br label %end
end:
  ret ptr %answer
other:
  call void @Py_IncRef(ptr %none)
  ret ptr %none
}

declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
declare ptr @malloc(i64)
declare void @free(ptr)
declare ptr @bibun_numpy_empty(i32, ptr, ptr, i32)
"""  # noqa: E501


def _set(field: str, value: int, width: int) -> str:
    return (
        f"%s_{field} = getelementptr %bibun.ctx, ptr %ctx, i32 0, i32 {FIELDS[field]}\n"
        f"  store i{width} {value}, ptr %s_{field}"
    )


def text(offsets: dict[str, int]) -> str:
    """The module, for objects laid out like this."""
    made = "\n".join((LLVM_TYPE, _STEP, _PLAN, WALK, _IR))
    for name, signature in PYTHON.items():
        result, arguments = signature.split(" ", 1)
        made += f"declare {result} @{name}{arguments}\n"
    names = {
        **offsets, **FIELDS, **KINDS, **{f"p_{k}": v for k, v in _PLAN_FIELD.items()},
        "wanted": WANTED, "stack_words": STACK_WORDS,
        "set_status": _set("status", OK, 32), "set_interrupt": _set("interrupt", 0, 32),
        "set_ragged_used": _set("ragged_used", 0, 64), "set_polls": _set("polls", 0, 64),
        "set_poll_countdown": _set("poll_countdown", POLL_START, 64),
    }  # fmt: skip
    for name, value in names.items():
        made = made.replace("{" + name + "}", str(value))
    return made
