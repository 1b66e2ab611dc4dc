"""The threads of one call: a team that helps, and ends with the call.

A region is `count` chunks of one function. Whoever is free claims the next: the calling
thread at once, a thread of the team as soon as it has started or woken. So a region never
waits for a thread to come, only for chunks that somebody has begun; where no thread comes at
all (the system gives none, a forked child has none), the caller does the whole of it.

Threads are started by the first region of a call, wait between regions, first turning and
then asleep, and are joined before the call returns and before it visits Python. No pool
outlives a call: `fork` in Python finds no thread of ours.

The team is a block on the caller's stack: words of 64 bits, those that threads fight for in
cache lines of their own. `left` chunks can be claimed, by a compare-and-swap from n to n - 1;
only after it may function, environment and count be read, which the caller changes while
`left` is 0. Sleeping is guarded as usual: one side announces that it will sleep and then looks
at the condition under the lock, the other changes the condition and then looks for sleepers.
"""

from __future__ import annotations

import platform
import sys
from string import Template

from bibun.compiler.text import Module
from bibun.runtime import context as abi

_WORDS = {
    "left": 0, "done": 8,
    "function": 16, "environment": 17, "count": 18, "started": 19, "quit": 20, "sleepers": 21,
    "waiting": 22, "ready": 23,
    "lock": 24, "work": 40, "finished": 56,  # 128 bytes for each object of the system's
}  # fmt: skip
HANDLES, MOST = 72, 64  # where threads' handles begin, how many there may be
TEAM = f"[{HANDLES + MOST} x i64]"
SPIN = 1000  # turns before a thread sleeps: about 30 µs, what waking one costs a few times over

# What a turn of a waiting thread does for the other thread of its core.
_PAUSES = {
    "x86_64": ("llvm.x86.sse2.pause", "", ""),
    "arm64": ("llvm.aarch64.isb", "i32", "i32 15"),
}
_PAUSES["amd64"], _PAUSES["aarch64"] = _PAUSES["x86_64"], _PAUSES["arm64"]

_POSIX_SYMBOLS = {
    "pthread_create": "i32 (ptr, ptr, ptr, ptr)",
    "pthread_join": "i32 (i64, ptr)",
    "pthread_attr_init": "i32 (ptr)",
    "pthread_attr_setstacksize": "i32 (ptr, i64)",
    "pthread_attr_destroy": "i32 (ptr)",
    "pthread_mutex_init": "i32 (ptr, ptr)",
    "pthread_mutex_lock": "i32 (ptr)",
    "pthread_mutex_unlock": "i32 (ptr)",
    "pthread_mutex_destroy": "i32 (ptr)",
    "pthread_cond_init": "i32 (ptr, ptr)",
    "pthread_cond_wait": "i32 (ptr, ptr)",
    "pthread_cond_broadcast": "i32 (ptr)",
    "pthread_cond_destroy": "i32 (ptr)",
}
_POSIX = """
define internal ptr @bibun.main(ptr %team) {
  call void @bibun.serve(ptr %team)
  ret ptr null
}

define internal i1 @bibun.spawn(ptr %handle, ptr %team) {
  %attr = alloca [128 x i8], align 16
  %a = call i32 @pthread_attr_init(ptr %attr)
  %b = call i32 @pthread_attr_setstacksize(ptr %attr, i64 1048576)
  %r = call i32 @pthread_create(ptr %handle, ptr %attr, ptr @bibun.main, ptr %team)
  %c = call i32 @pthread_attr_destroy(ptr %attr)
  %ok = icmp eq i32 %r, 0
  ret i1 %ok
}

define internal void @bibun.join(ptr %handle) {
  %h = load i64, ptr %handle
  %r = call i32 @pthread_join(i64 %h, ptr null)
  ret void
}

define internal void @bibun.make(ptr %lock, ptr %work, ptr %finished) {
  %a = call i32 @pthread_mutex_init(ptr %lock, ptr null)
  %b = call i32 @pthread_cond_init(ptr %work, ptr null)
  %c = call i32 @pthread_cond_init(ptr %finished, ptr null)
  ret void
}

define internal void @bibun.unmake(ptr %lock, ptr %work, ptr %finished) {
  %a = call i32 @pthread_cond_destroy(ptr %finished)
  %b = call i32 @pthread_cond_destroy(ptr %work)
  %c = call i32 @pthread_mutex_destroy(ptr %lock)
  ret void
}

define internal void @bibun.lock(ptr %lock) {
  %r = call i32 @pthread_mutex_lock(ptr %lock)
  ret void
}

define internal void @bibun.unlock(ptr %lock) {
  %r = call i32 @pthread_mutex_unlock(ptr %lock)
  ret void
}

define internal void @bibun.sleep(ptr %cond, ptr %lock) {
  %r = call i32 @pthread_cond_wait(ptr %cond, ptr %lock)
  ret void
}

define internal void @bibun.wake(ptr %cond) {
  %r = call i32 @pthread_cond_broadcast(ptr %cond)
  ret void
}
"""

_WINDOWS_SYMBOLS = {
    "CreateThread": "ptr (ptr, i64, ptr, ptr, i32, ptr)",
    "WaitForSingleObject": "i32 (ptr, i32)",
    "CloseHandle": "i32 (ptr)",
    "AcquireSRWLockExclusive": "void (ptr)",
    "ReleaseSRWLockExclusive": "void (ptr)",
    "SleepConditionVariableSRW": "i32 (ptr, ptr, i32, i32)",
    "WakeAllConditionVariable": "void (ptr)",
}
_WINDOWS = """
define internal i32 @bibun.main(ptr %team) {
  call void @bibun.serve(ptr %team)
  ret i32 0
}

define internal i1 @bibun.spawn(ptr %handle, ptr %team) {
  %h = call ptr @CreateThread(ptr null, i64 1048576, ptr @bibun.main, ptr %team, i32 0, ptr null)
  store ptr %h, ptr %handle
  %ok = icmp ne ptr %h, null
  ret i1 %ok
}

define internal void @bibun.join(ptr %handle) {
  %h = load ptr, ptr %handle
  %w = call i32 @WaitForSingleObject(ptr %h, i32 -1)
  %c = call i32 @CloseHandle(ptr %h)
  ret void
}

define internal void @bibun.make(ptr %lock, ptr %work, ptr %finished) {
  store ptr null, ptr %lock
  store ptr null, ptr %work
  store ptr null, ptr %finished
  ret void
}

define internal void @bibun.unmake(ptr %lock, ptr %work, ptr %finished) {
  ret void
}

define internal void @bibun.lock(ptr %lock) {
  call void @AcquireSRWLockExclusive(ptr %lock)
  ret void
}

define internal void @bibun.unlock(ptr %lock) {
  call void @ReleaseSRWLockExclusive(ptr %lock)
  ret void
}

define internal void @bibun.sleep(ptr %cond, ptr %lock) {
  %r = call i32 @SleepConditionVariableSRW(ptr %cond, ptr %lock, i32 -1, i32 0)
  ret void
}

define internal void @bibun.wake(ptr %cond) {
  call void @WakeAllConditionVariable(ptr %cond)
  ret void
}
"""

# `%left.p` and the like are addresses of the words of the team; `_addressed` puts them in.
_COMMON = """
define internal void @bibun.notify(ptr %team, ptr %cond) {
  call void @bibun.lock(ptr %lock.p)
  call void @bibun.wake(ptr %cond)
  call void @bibun.unlock(ptr %lock.p)
  ret void
}

define internal void @bibun.work(ptr %team) {
  br label %head
head:
  %left = load atomic i64, ptr %left.p acquire, align 64
  %some = icmp sgt i64 %left, 0
  br i1 %some, label %claim, label %none
claim:
  %less = sub i64 %left, 1
  %pair = cmpxchg ptr %left.p, i64 %left, i64 %less acq_rel acquire
  %won = extractvalue { i64, i1 } %pair, 1
  br i1 %won, label %run, label %head
run:
  %fn = load ptr, ptr %function.p
  %env = load ptr, ptr %environment.p
  %count = load i64, ptr %count.p
  %k = sub i64 %count, %left
  call void %fn(ptr %env, i64 %k)
  %before = atomicrmw add ptr %done.p, i64 1 seq_cst
  %now = add i64 %before, 1
  %all = icmp eq i64 %now, %count
  br i1 %all, label %last, label %head
last:
  %waiting = load atomic i64, ptr %waiting.p seq_cst, align 8
  %waits = icmp ne i64 %waiting, 0
  br i1 %waits, label %tell, label %none
tell:
  call void @bibun.notify(ptr %team, ptr %finished.p)
  br label %none
none:
  ret void
}

define internal void @bibun.serve(ptr %team) {
  br label %serve
serve:
  call void @bibun.work(ptr %team)
  br label %spin
spin:
  %turn = phi i64 [ 0, %serve ], [ %next, %pause ]
  %left = load atomic i64, ptr %left.p acquire, align 64
  %some = icmp sgt i64 %left, 0
  br i1 %some, label %serve, label %look
look:
  %quit = load atomic i64, ptr %quit.p acquire, align 8
  %over = icmp ne i64 %quit, 0
  br i1 %over, label %leave, label %pause
pause:
  $PAUSE
  %next = add i64 %turn, 1
  %patient = icmp slt i64 %next, $SPIN
  br i1 %patient, label %spin, label %tired
tired:
  call void @bibun.lock(ptr %lock.p)
  %in = atomicrmw add ptr %sleepers.p, i64 1 seq_cst
  br label %check
check:
  %left.now = load atomic i64, ptr %left.p seq_cst, align 64
  %quit.now = load atomic i64, ptr %quit.p seq_cst, align 8
  %some.now = icmp sgt i64 %left.now, 0
  %over.now = icmp ne i64 %quit.now, 0
  %called = or i1 %some.now, %over.now
  br i1 %called, label %awake, label %asleep
asleep:
  call void @bibun.sleep(ptr %work.p, ptr %lock.p)
  br label %check
awake:
  %out = atomicrmw sub ptr %sleepers.p, i64 1 seq_cst
  call void @bibun.unlock(ptr %lock.p)
  br label %serve
leave:
  ret void
}

define internal void @bibun.call_in(ptr %team) {
  %sleepers = load atomic i64, ptr %sleepers.p seq_cst, align 8
  %some = icmp sgt i64 %sleepers, 0
  br i1 %some, label %wake, label %done
wake:
  call void @bibun.notify(ptr %team, ptr %work.p)
  br label %done
done:
  ret void
}

define internal void @bibun.fork(ptr %ctx, ptr %team, ptr %fn, ptr %env, i64 %count) {
  %asked.p = getelementptr %bibun.ctx, ptr %ctx, i32 0, i32 $THREADS
  %asked32 = load i32, ptr %asked.p
  %asked = sext i32 %asked32 to i64
  %many = icmp sgt i64 %asked, $MOST
  %capped = select i1 %many, i64 $MOST, i64 %asked
  %less = icmp slt i64 %capped, %count
  %threads = select i1 %less, i64 %capped, i64 %count
  %alone = icmp sle i64 %threads, 1
  br i1 %alone, label %own, label %share
own:
  %k = phi i64 [ 0, %0 ], [ %k.next, %own.run ]
  %more = icmp slt i64 %k, %count
  br i1 %more, label %own.run, label %end
own.run:
  call void %fn(ptr %env, i64 %k)
  %k.next = add i64 %k, 1
  br label %own
share:
  %ready = load i64, ptr %ready.p
  %new = icmp eq i64 %ready, 0
  br i1 %new, label %make, label %publish
make:
  call void @bibun.make(ptr %lock.p, ptr %work.p, ptr %finished.p)
  store i64 1, ptr %ready.p
  br label %publish
publish:
  store ptr %fn, ptr %function.p
  store ptr %env, ptr %environment.p
  store i64 %count, ptr %count.p
  store atomic i64 0, ptr %done.p release, align 64
  store atomic i64 %count, ptr %left.p seq_cst, align 64
  call void @bibun.call_in(ptr %team)
  br label %hire
hire:
  %started = load i64, ptr %started.p
  %present = add i64 %started, 1
  %short = icmp slt i64 %present, %threads
  br i1 %short, label %spawn, label %work
spawn:
  %slot = add i64 %started, $HANDLES
  %handle = getelementptr i64, ptr %team, i64 %slot
  %ok = call i1 @bibun.spawn(ptr %handle, ptr %team)
  br i1 %ok, label %hired, label %work
hired:
  store i64 %present, ptr %started.p
  br label %hire
work:
  call void @bibun.work(ptr %team)
  br label %spin
spin:
  %turn = phi i64 [ 0, %work ], [ %next, %pause ]
  %done = load atomic i64, ptr %done.p acquire, align 64
  %all = icmp eq i64 %done, %count
  br i1 %all, label %end, label %pause
pause:
  $PAUSE
  %next = add i64 %turn, 1
  %patient = icmp slt i64 %next, $SPIN
  br i1 %patient, label %spin, label %tired
tired:
  call void @bibun.lock(ptr %lock.p)
  store atomic i64 1, ptr %waiting.p seq_cst, align 8
  br label %check
check:
  %done.now = load atomic i64, ptr %done.p seq_cst, align 64
  %all.now = icmp eq i64 %done.now, %count
  br i1 %all.now, label %awake, label %asleep
asleep:
  call void @bibun.sleep(ptr %finished.p, ptr %lock.p)
  br label %check
awake:
  store atomic i64 0, ptr %waiting.p seq_cst, align 8
  call void @bibun.unlock(ptr %lock.p)
  br label %end
end:
  ret void
}

define internal void @bibun.disband(ptr %team) {
  %ready = load i64, ptr %ready.p
  %none = icmp eq i64 %ready, 0
  br i1 %none, label %end, label %stop
stop:
  store atomic i64 1, ptr %quit.p seq_cst, align 8
  call void @bibun.call_in(ptr %team)
  br label %head
head:
  %started = load i64, ptr %started.p
  %some = icmp sgt i64 %started, 0
  br i1 %some, label %join, label %unmake
join:
  %fewer = sub i64 %started, 1
  store i64 %fewer, ptr %started.p
  %slot = add i64 %fewer, $HANDLES
  %handle = getelementptr i64, ptr %team, i64 %slot
  call void @bibun.join(ptr %handle)
  br label %head
unmake:
  call void @bibun.unmake(ptr %lock.p, ptr %work.p, ptr %finished.p)
  store i64 0, ptr %ready.p
  store atomic i64 0, ptr %quit.p seq_cst, align 8
  br label %end
end:
  ret void
}
"""


def _addressed(text: str) -> str:
    """A function with the addresses of the words it uses, made at its start."""

    used = [name for name in _WORDS if f"%{name}.p" in text]
    lines = [f"  %{n}.p = getelementptr i64, ptr %team, i64 {_WORDS[n]}" for n in used]
    header, body = text.split("{\n", 1)
    return "\n".join([header + "{", *lines, body])


def add_support(module: Module) -> None:
    """The functions of teams into a module."""
    windows = sys.platform == "win32"
    for symbol, signature in (_WINDOWS_SYMBOLS if windows else _POSIX_SYMBOLS).items():
        module.external(symbol, signature)
    intrinsic, arguments, given = _PAUSES.get(platform.machine().lower(), ("", "", ""))
    if intrinsic:
        module.declare(intrinsic, f"void ({arguments})")
    common = Template(_COMMON).substitute(
        THREADS=abi.FIELDS["thread_count"], MOST=MOST, HANDLES=HANDLES, SPIN=SPIN,
        PAUSE=f"call void @{intrinsic}({given})" if intrinsic else "",
    )  # fmt: skip
    module.support.append(_WINDOWS if windows else _POSIX)
    module.support += map(_addressed, common.strip().split("\n\n"))


def empty(team: str) -> list[str]:
    """The lines that make a block of memory a team of nobody."""
    return [
        line
        for name, word in _WORDS.items()
        if word < _WORDS["lock"]
        for line in (
            f"%team.{name} = getelementptr i64, ptr {team}, i64 {word}",
            f"store i64 0, ptr %team.{name}",
        )
    ]
