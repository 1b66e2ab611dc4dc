"""Compiling and linking modules written by hand."""

import ctypes
import gc
import struct
import threading

import numpy as np
import pytest

from bibun.compiler import engine, link
from bibun.errors import CompileError

SQUARE_PLUS_ONE = """
define double @f(double %x) {
  %y = fmul double %x, %x
  %z = fadd double %y, 1.0
  ret double %z
}
"""


def as_double(native, arity=1):
    f = ctypes.CFUNCTYPE(ctypes.c_double, *[ctypes.c_double] * arity)(native.address)
    f.native = native  # the code lives as long as this
    return f


@pytest.mark.parametrize("opt", ["O0", "O1", "O2", "O3"])
def test_arithmetic(opt):
    native = engine.compile_module(SQUARE_PLUS_ONE, "f", opt=opt)
    assert as_double(native)(3.0) == 10.0
    assert native.symbols == frozenset()
    assert set(native.timings) == {"parse", "verify", "optimise", "emit", "link"}


@pytest.mark.parametrize("opt", ["O0", "O1", "O2", "O3"])
@pytest.mark.parametrize("kind", ["double", "<4 x double>", "float"])
def test_multiply_and_add_are_not_fused(opt, kind):
    """x*x - y*y at x = y is exactly 0; fused it is the rounding error of x*x."""
    native = engine.compile_module(
        f"""
        define void @f(ptr %p, ptr %q) {{
          %x = load {kind}, ptr %p, align 4
          %y = load {kind}, ptr %q, align 4
          %xx = fmul {kind} %x, %x
          %yy = fmul {kind} %y, %y
          %z = fsub {kind} %xx, %yy
          store {kind} %z, ptr %q, align 4
          ret void
        }}""",
        "f",
        opt=opt,
    )
    dtype = np.float32 if kind == "float" else np.float64
    x = np.full(4, 0.1, dtype)
    y = x.copy()
    ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(native.address)(
        x.ctypes.data, y.ctypes.data
    )
    assert y[0] == 0.0


def test_loop_with_memset_that_llvm_introduces():
    native = engine.compile_module(
        """
        define void @f(ptr %p, i64 %n) {
        entry:
          br label %loop
        loop:
          %i = phi i64 [ 0, %entry ], [ %j, %loop ]
          %q = getelementptr double, ptr %p, i64 %i
          store double 0.0, ptr %q
          %j = add i64 %i, 1
          %more = icmp ult i64 %j, %n
          br i1 %more, label %loop, label %done
        done:
          ret void
        }""",
        "f",
        opt="O2",
    )
    assert native.symbols == {"memset"}
    x = np.ones(1000)
    ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(native.address)(x.ctypes.data, 999)
    assert x[:999].sum() == 0
    assert x[999] == 1


def test_far_calls_and_constants():
    """libm and constants in memory, in the small code model."""
    native = engine.compile_module(
        """
        declare double @exp(double)
        declare double @llvm.fma.f64(double, double, double)
        define double @f(double %x) {
          %e = call double @exp(double %x)
          %z = call double @llvm.fma.f64(double %e, double 3.25, double 1.125)
          ret double %z
        }""",
        "f",
        {"exp"},
    )
    assert as_double(native)(0.0) == 4.375


def test_blas_from_native_code():
    native = engine.compile_module(
        """
        declare void @dgemm(ptr, ptr, ptr, ptr, ptr, ptr, ptr, ptr, ptr, ptr, ptr, ptr, ptr)
        @n = private constant i32 2
        @t = private constant i8 78
        @one = private constant double 1.0
        @zero = private constant double 0.0
        define void @f(ptr %a, ptr %b, ptr %c) {
          call void @dgemm(ptr @t, ptr @t, ptr @n, ptr @n, ptr @n, ptr @one, ptr %a, ptr @n,
                           ptr %b, ptr @n, ptr @zero, ptr %c, ptr @n)
          ret void
        }""".replace("\n                           ", " "),
        "f",
        {"dgemm"},
    )
    a, b, c = np.array([[1.0, 2], [3, 4]]), np.array([[5.0, 6], [7, 8]]), np.empty((2, 2))
    f = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3)(native.address)
    f(b.ctypes.data, a.ctypes.data, c.ctypes.data)  # column-major: c' = b'a' = (ab)'
    np.testing.assert_array_equal(c, a @ b)


def test_unknown_symbol_is_named_before_linking():
    text = "declare void @nobody()\ndefine void @f() {\n call void @nobody()\n ret void\n}"
    with pytest.raises(CompileError, match="nobody"):
        engine.compile_module(text, "f")
    with pytest.raises(CompileError, match="other"):
        engine.compile_module(text, "f", {"other"})


def test_process_symbols_do_not_leak_in():
    text = "declare void @PyRun_SimpleString()\n"
    text += "define void @f() {\n call void @PyRun_SimpleString()\n ret void\n}"
    with pytest.raises(CompileError, match="PyRun_SimpleString"):
        engine.compile_module(text, "f")


def test_errors_show_the_lines():
    with pytest.raises(CompileError, match=r"> +3   %z = fadd float"):
        engine.compile_module(
            "define double @f(double %x) {\n  %y = fmul double %x, %x\n"
            "  %z = fadd float %y, 1.0\n  ret double %z\n}",
            "f",
        )
    with pytest.raises(CompileError, match="wrong"):  # use before definition in the block
        engine.compile_module(
            "define double @f(double %x) {\n %z = fadd double %y, 1.0\n"
            " %y = fmul double %x, %x\n ret double %z\n}",
            "f",
        )
    with pytest.raises(CompileError, match="'g'"):
        engine.compile_module(SQUARE_PLUS_ONE, "g")
    with pytest.raises(ValueError, match="opt must be"):
        engine.compile_module(SQUARE_PLUS_ONE, "f", opt="fast")


def test_objects_load_again_and_side_by_side():
    data = engine.compile_object(SQUARE_PLUS_ONE)
    loaded = [engine.load_object(data, "f") for _ in range(20)]
    assert len({n.address for n in loaded}) == 20
    kept = as_double(loaded[7])
    last = loaded[7]
    del loaded
    gc.collect()
    assert kept(2.0) == 5.0
    assert last.object_bytes == data


@pytest.mark.parametrize("data", [b"", b"nonsense", b"\x7fELF\x02\x01" + b"\xff" * 80])
def test_damaged_objects_are_refused(data):
    with pytest.raises(CompileError):
        engine.load_object(data, "f")


def test_undefined_symbols_of_the_other_formats():
    """A Mach-O and a COFF symbol table of two symbols, one of them undefined."""
    strings = b"\0_here\0_exp\0"
    nlist = struct.pack("<IBBHQ", 1, 0x0F, 1, 0, 0) + struct.pack("<IBBHQ", 7, 0x01, 0, 0, 0)
    header = struct.pack("<8I", 0xFEEDFACF, 0x01000007, 3, 1, 1, 24, 0, 0)
    command = struct.pack("<6I", 2, 24, 56, 2, 56 + len(nlist), len(strings))
    assert link.undefined_symbols(header + command + nlist + strings) == {"exp"}

    def symbol(name, section, storage=2):
        return struct.pack("<8sIhHBB", name, 0, section, 0, storage, 0)

    long_name = struct.pack("<II", 0, 4)
    table = symbol(b"here", 1) + symbol(long_name, 0) + symbol(b"fma", 0)
    coff = struct.pack("<HHIIIHH", 0x8664, 0, 0, 20, 3, 0, 0)
    tail = struct.pack("<I", 4 + 13) + b"memset_large\0"
    assert link.undefined_symbols(coff + table + tail) == {"memset_large", "fma"}


def test_many_threads():
    failures = []

    def work(k):
        try:
            for i in range(5):
                text = SQUARE_PLUS_ONE.replace("1.0", f"{100.0 * k + i:.1f}")
                if as_double(engine.compile_module(text, "f", opt="O1"))(2.0) != 4 + 100 * k + i:
                    failures.append((k, i))
        except Exception as e:
            failures.append(e)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert failures == []


def test_texts_for_people():
    assert "define double @f" in engine.optimised_text(SQUARE_PLUS_ONE)
    assert "f:" in engine.assembly(SQUARE_PLUS_ONE)


def test_many_joins_go_without_global_value_numbering():
    """LLVM 22 aborts the process in it ("processed the same Value a lot"): the Hessian of 64
    cumulative sums under vmap did."""
    assert "new_gvn" in engine._lean_passes(SQUARE_PLUS_ONE)
    assert "new_gvn" not in engine._lean_passes("  %i = phi i64 [ 0, %a ]\n" * engine.MANY_PHIS)
