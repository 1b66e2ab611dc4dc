"""The text of the native entry's walk over the arguments: LLVM IR.

`walk` goes over objects beside the steps of the plan, compares (`array` does it for arrays), and
notes addresses and numbers (`address`, `number`). Nothing here runs Python code or gives up the
interpreter's lock, so that what is looked at cannot change or go away: that is why keys of dicts
must be plain strings, whose comparison is Python's own.
"""

# The walk's state: next step, next address, arrays held (their number, their table), next
# scratch word for a number, and the plan.
_STATE = "%walk = type { ptr, ptr, i64, ptr, ptr, ptr }"

WALK = (
    _STATE
    + """
; ---- one array: is it what the step says? its address, and a reference held
define internal i1 @array(ptr %w, ptr %s, ptr %v, i1 %checked) {
  %fp = getelementptr i8, ptr %v, i64 {array_flags}
  %f = load i32, ptr %fp
  %fm = and i32 %f, {wanted}
  %fine = icmp eq i32 %fm, {wanted}
  br i1 %fine, label %readable, label %no
readable:
  br i1 %checked, label %check, label %take
check:
  %dp = getelementptr i8, ptr %v, i64 {array_descr}
  %d = load ptr, ptr %dp
  %sdp = getelementptr %step, ptr %s, i32 0, i32 3
  %sd = load ptr, ptr %sdp
  %dsame = icmp eq ptr %d, %sd
  br i1 %dsame, label %check_ndim, label %no
check_ndim:
  %np = getelementptr i8, ptr %v, i64 {array_ndim}
  %n32 = load i32, ptr %np
  %n = sext i32 %n32 to i64
  %snp = getelementptr %step, ptr %s, i32 0, i32 2
  %sn = load i64, ptr %snp
  %nsame = icmp eq i64 %n, %sn
  br i1 %nsame, label %check_dims, label %no
check_dims:
  %ap = getelementptr i8, ptr %v, i64 {array_dims}
  %a = load ptr, ptr %ap
  %sap = getelementptr %step, ptr %s, i32 0, i32 4
  %sa = load ptr, ptr %sap
  br label %dim
dim:
  %i = phi i64 [ 0, %check_dims ], [ %i1, %next_dim ]
  %more = icmp slt i64 %i, %n
  br i1 %more, label %one_dim, label %take
one_dim:
  %xp = getelementptr i64, ptr %a, i64 %i
  %x = load i64, ptr %xp
  %yp = getelementptr i64, ptr %sa, i64 %i
  %y = load i64, ptr %yp
  %same = icmp eq i64 %x, %y
  br i1 %same, label %next_dim, label %no
next_dim:
  %i1 = add i64 %i, 1
  br label %dim
take:
  %datap = getelementptr i8, ptr %v, i64 {array_data}
  %data = load ptr, ptr %datap
  call void @address(ptr %w, ptr %data)
  %hnp = getelementptr %walk, ptr %w, i32 0, i32 2
  %hn = load i64, ptr %hnp
  %htp = getelementptr %walk, ptr %w, i32 0, i32 3
  %ht = load ptr, ptr %htp
  %hp = getelementptr ptr, ptr %ht, i64 %hn
  store ptr %v, ptr %hp
  %hn1 = add i64 %hn, 1
  store i64 %hn1, ptr %hnp
  call void @Py_IncRef(ptr %v)
  ret i1 true
no:
  ret i1 false
}

define internal void @address(ptr %w, ptr %data) {
  %op = getelementptr %walk, ptr %w, i32 0, i32 1
  %o = load ptr, ptr %op
  store ptr %data, ptr %o
  %o1 = getelementptr ptr, ptr %o, i64 1
  store ptr %o1, ptr %op
  ret void
}

; ---- a Python number as eight bytes of scratch
define internal void @number(ptr %w, i64 %bits) {
  %cp = getelementptr %walk, ptr %w, i32 0, i32 4
  %c = load ptr, ptr %cp
  store i64 %bits, ptr %c
  %c1 = getelementptr i64, ptr %c, i64 1
  store ptr %c1, ptr %cp
  call void @address(ptr %w, ptr %c)
  ret void
}

; ---- an object of the arguments beside its step
define internal i1 @walk(ptr %w, ptr %x) {
start:
  %overflow = alloca i32
  %place = alloca i64
  %keyp = alloca ptr
  %s = load ptr, ptr %w
  %s1 = getelementptr %step, ptr %s, i64 1
  store ptr %s1, ptr %w
  %kind = load i64, ptr %s
  %planp = getelementptr %walk, ptr %w, i32 0, i32 5
  %plan = load ptr, ptr %planp
  %tp = getelementptr i8, ptr %x, i64 {type}
  %t = load ptr, ptr %tp
  %stp = getelementptr %step, ptr %s, i32 0, i32 1
  %st = load ptr, ptr %stp
  %tsame = icmp eq ptr %t, %st
  br i1 %tsame, label %typed, label %no
typed:
  %cp = getelementptr %step, ptr %s, i32 0, i32 2
  %count = load i64, ptr %cp
  switch i64 %kind, label %no [
    i64 {ARRAY}, label %array
    i64 {NDARRAY}, label %ndarray
    i64 {RAW}, label %raw
    i64 {FLOAT}, label %float
    i64 {INT}, label %int
    i64 {BOOL}, label %bool
    i64 {TUPLE}, label %tuple
    i64 {LIST}, label %list
    i64 {DICT}, label %dict
    i64 {NONE}, label %yes
  ]
array:
  %wp = getelementptr i8, ptr %x, i64 {Array_weak}
  %weak = load ptr, ptr %wp
  %swp = getelementptr %step, ptr %s, i32 0, i32 5
  %sweak = load ptr, ptr %swp
  %wsame = icmp eq ptr %weak, %sweak
  br i1 %wsame, label %unwrap, label %no
unwrap:
  %vp = getelementptr i8, ptr %x, i64 {Array_value}
  %v = load ptr, ptr %vp
  %empty = icmp eq ptr %v, null
  br i1 %empty, label %no, label %valued
valued:
  %vtp = getelementptr i8, ptr %v, i64 {type}
  %vt = load ptr, ptr %vtp
  %ndarrayp = getelementptr %plan, ptr %plan, i32 0, i32 {p_ndarray}
  %ndarray_type = load ptr, ptr %ndarrayp
  %plain = icmp eq ptr %vt, %ndarray_type
  br i1 %plain, label %unwrapped, label %no
unwrapped:
  %r0 = call i1 @array(ptr %w, ptr %s, ptr %v, i1 true)
  ret i1 %r0
ndarray:
  %r1 = call i1 @array(ptr %w, ptr %s, ptr %x, i1 true)
  ret i1 %r1
raw:
  %r2 = call i1 @array(ptr %w, ptr %s, ptr %x, i1 false)
  ret i1 %r2
float:
  %flp = getelementptr i8, ptr %x, i64 {float_value}
  %fl = load i64, ptr %flp
  call void @number(ptr %w, i64 %fl)
  ret i1 true
int:
  %whole = call i64 @PyLong_AsLongLongAndOverflow(ptr %x, ptr %overflow)
  %over = load i32, ptr %overflow
  %fits = icmp eq i32 %over, 0
  br i1 %fits, label %int_fits, label %no
int_fits:
  call void @number(ptr %w, i64 %whole)
  ret i1 true
bool:
  %truep = getelementptr %plan, ptr %plan, i32 0, i32 {p_true}
  %true = load ptr, ptr %truep
  %is = icmp eq ptr %x, %true
  %bit = zext i1 %is to i64
  call void @number(ptr %w, i64 %bit)
  ret i1 true
tuple:
  %tnp = getelementptr i8, ptr %x, i64 {tuple_size}
  %tn = load i64, ptr %tnp
  %tright = icmp eq i64 %tn, %count
  br i1 %tright, label %tuple_next, label %no
tuple_next:
  %ti = phi i64 [ 0, %tuple ], [ %ti1, %tuple_item ]
  %tmore = icmp slt i64 %ti, %count
  br i1 %tmore, label %tuple_item, label %yes
tuple_item:
  %tb = getelementptr i8, ptr %x, i64 {tuple_items}
  %tip = getelementptr ptr, ptr %tb, i64 %ti
  %tx = load ptr, ptr %tip
  %tr = call i1 @walk(ptr %w, ptr %tx)
  %ti1 = add i64 %ti, 1
  br i1 %tr, label %tuple_next, label %no
list:
  br label %list_next
list_next:
  %li = phi i64 [ 0, %list ], [ %li1, %list_item ]
  %lnp = getelementptr i8, ptr %x, i64 {list_size}
  %ln = load i64, ptr %lnp
  %lright = icmp eq i64 %ln, %count
  br i1 %lright, label %list_go, label %no
list_go:
  %lmore = icmp slt i64 %li, %count
  br i1 %lmore, label %list_item, label %yes
list_item:
  %lbp = getelementptr i8, ptr %x, i64 {list_items}
  %lb = load ptr, ptr %lbp
  %lip = getelementptr ptr, ptr %lb, i64 %li
  %lx = load ptr, ptr %lip
  %lr = call i1 @walk(ptr %w, ptr %lx)
  %li1 = add i64 %li, 1
  br i1 %lr, label %list_next, label %no
dict:
  %dn = call i64 @PyDict_Size(ptr %x)
  %dright = icmp eq i64 %dn, %count
  store i64 0, ptr %place
  br i1 %dright, label %dict_keys, label %no
  ; strings alone: another key's __eq__ could do anything, to the arguments too
dict_keys:
  %dkn = call i32 @PyDict_Next(ptr %x, ptr %place, ptr %keyp, ptr null)
  %dkmore = icmp ne i32 %dkn, 0
  br i1 %dkmore, label %dict_key, label %dict_next
dict_key:
  %dk0 = load ptr, ptr %keyp
  %dktp = getelementptr i8, ptr %dk0, i64 {type}
  %dkt = load ptr, ptr %dktp
  %strp = getelementptr %plan, ptr %plan, i32 0, i32 {p_str}
  %str = load ptr, ptr %strp
  %isstr = icmp eq ptr %dkt, %str
  br i1 %isstr, label %dict_keys, label %no
dict_next:
  %di = phi i64 [ 0, %dict_keys ], [ %di1, %dict_walk ]
  %dmore = icmp slt i64 %di, %count
  br i1 %dmore, label %dict_item, label %yes
dict_item:
  %dkp = getelementptr %step, ptr %s, i32 0, i32 4
  %dk = load ptr, ptr %dkp
  %dip = getelementptr ptr, ptr %dk, i64 %di
  %key = load ptr, ptr %dip
  %dx = call ptr @PyDict_GetItem(ptr %x, ptr %key)
  %dnone = icmp eq ptr %dx, null
  br i1 %dnone, label %no, label %dict_walk
dict_walk:
  %dr = call i1 @walk(ptr %w, ptr %dx)
  %di1 = add i64 %di, 1
  br i1 %dr, label %dict_next, label %no
yes:
  ret i1 true
no:
  ret i1 false
}
"""
)
