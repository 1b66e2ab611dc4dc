"""Modules written by hand, with the entry that the emitter's modules have."""

from bibun.runtime.context import FIELDS, LLVM_TYPE, STATUS


def field(name, register):
    return (
        f"  {register} = getelementptr %bibun.ctx, ptr %ctx, i32 0, i32 {FIELDS[name]}\n"
    )


HEAD = LLVM_TYPE + "\ndefine i32 @f(ptr %ctx, ptr %ins, ptr %outs) {\nentry:\n"

# out[i] = a[i] + b[i], 3 elements
ADD = HEAD + """
  %a = load ptr, ptr %ins
  %bp = getelementptr ptr, ptr %ins, i64 1
  %b = load ptr, ptr %bp
  %o = load ptr, ptr %outs
  %x = load <3 x double>, ptr %a, align 8
  %y = load <3 x double>, ptr %b, align 8
  %z = fadd <3 x double> %x, %y
  store <3 x double> %z, ptr %o, align 8
  ret i32 0
}"""

# fails with equation 5, payload (int 7, float 2.5, bool true, uint 2**64-1)
FAIL = HEAD + field("equation", "%eq") + field("payload", "%pl")
FAIL += field("payload_kind", "%pk") + f"""
  store i32 5, ptr %eq
  store [4 x i64] [i64 7, i64 {0x4004000000000000}, i64 1, i64 -1], ptr %pl
  store [5 x i8] [i8 1, i8 2, i8 3, i8 4, i8 0], ptr %pk
  ret i32 {STATUS["FAILED"]}
}}"""


def status(code, equation=5):
    """A module that returns a status at once."""
    return (
        HEAD + field("equation", "%eq") + field("payload_kind", "%pk")
        + f"  store i32 {equation}, ptr %eq\n  store i8 0, ptr %pk\n  ret i32 {STATUS[code]}\n}}"
    )  # fmt: skip


# counts to in[0] (int64), polls, writes the number of polls to out[0]
SPIN = HEAD + field("poll_countdown", "%cd") + field("poll", "%pp") + """
  %a = load ptr, ptr %ins
  %n = load i64, ptr %a
  %o = load ptr, ptr %outs
  store i64 0, ptr %o
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %j, %next ]
  %c = load i64, ptr %cd
  %c1 = sub i64 %c, 1
  store volatile i64 %c1, ptr %cd
  %due = icmp sle i64 %c1, 0
  br i1 %due, label %ask, label %next
ask:
  %polls = load i64, ptr %o
  %polls1 = add i64 %polls, 1
  store i64 %polls1, ptr %o
  %poll = load ptr, ptr %pp
  %r = call i32 %poll(ptr %ctx)
  %leave = icmp ne i32 %r, 0
  br i1 %leave, label %out, label %next
next:
  %j = add i64 %i, 1
  %more = icmp slt i64 %j, %n
  br i1 %more, label %loop, label %done
out:
  ret i32 """ + str(STATUS["INTERRUPTED"]) + """
done:
  ret i32 0
}"""


def callback(slot):
    """Calls slot `slot` with the first input and the first output."""
    return (
        HEAD + field("callback", "%cp") + field("callback_slot", "%cs")
        + field("callback_ins", "%ci") + field("callback_outs", "%co")
        + f"""  store i64 {slot}, ptr %cs
  store ptr %ins, ptr %ci
  store ptr %outs, ptr %co
  %call = load ptr, ptr %cp
  %r = call i32 %call(ptr %ctx)
  %bad = icmp ne i32 %r, 0
  %status = select i1 %bad, i32 {STATUS["CALLBACK_ERROR"]}, i32 0
  ret i32 %status
}}"""
    )
