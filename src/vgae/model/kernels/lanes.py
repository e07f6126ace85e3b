"""Eight float32 numbers that move together: vector registers for compiled kernels.

A compiler turns a scalar loop into vector instructions only if it can prove that this is safe. A
kernel written with these functions is vectorised on every processor: LLVM maps the eight lanes to
one AVX register, or to two of SSE or NEON. Only code that numba compiles can call them. `+`, `-`,
`*` and `/` work lane by lane.
"""

from __future__ import annotations

import operator
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import lower_builtin, models, register_model

from vgae.model.kernels.intrinsics import address, intrinsic

__all__ = [
    "N_LANES",
    "add_exponent",
    "exponential_parts",
    "lane_sum",
    "load",
    "minus_magnitude",
    "multiply_add",
    "not_negative",
    "positive_part",
    "splat",
    "splat_at",
    "store",
]

N_LANES = 8

_FLOATS = ir.VectorType(ir.FloatType(), N_LANES)
_INTEGERS = ir.VectorType(ir.IntType(32), N_LANES)
_ZEROS = ir.Constant(_FLOATS, [0.0] * N_LANES)


class _LanesType(types.Type):
    def __init__(self) -> None:
        super().__init__(name="Lanes")


_LANES = _LanesType()


@register_model(_LanesType)
class _LanesModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, lanes: _LanesType) -> None:
        super().__init__(manager, lanes, _FLOATS)


def _define_operator(python_operator: Any, instruction: str) -> None:
    class Template(ConcreteTemplate):  # type: ignore[misc]
        key = python_operator
        cases = (signature(_LANES, _LANES, _LANES),)

    infer_global(python_operator)(Template)

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:  # noqa: ARG001
        return getattr(builder, instruction)(*args)

    lower_builtin(python_operator, _LANES, _LANES)(emit)


_define_operator(operator.add, "fadd")
_define_operator(operator.sub, "fsub")
_define_operator(operator.mul, "fmul")
_define_operator(operator.truediv, "fdiv")


def _broadcast(builder: Any, number: Any) -> Any:
    nothing = ir.Constant(_FLOATS, ir.Undefined)
    first = builder.insert_element(nothing, number, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, nothing, ir.Constant(_INTEGERS, [0] * N_LANES))


@intrinsic
def load(typing: Any, array: Any, index: Any) -> Any:  # noqa: ARG001
    """Load eight consecutive numbers of a flat array, starting at `index`.

    Examples
    --------
    >>> import numba, numpy as np
    >>> eight = numba.njit(lambda array: lane_sum(load(array, 1)))
    >>> eight(np.arange(10, dtype=np.float32))  # 1 + ... + 8
    36.0
    """

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        place = address(context, builder, sig.args[0], *args)
        loaded = builder.load(builder.bitcast(place, _FLOATS.as_pointer()))
        loaded.align = 4
        return loaded

    return _LANES(array, types.intp), emit


@intrinsic
def store(typing: Any, array: Any, index: Any, lanes: Any) -> Any:  # noqa: ARG001
    """Store eight numbers into a flat array, starting at `index`.

    Examples
    --------
    >>> import numba, numpy as np
    >>> array = np.zeros(9, np.float32)
    >>> numba.njit(lambda array: store(array, 1, splat(np.float32(2))))(array)
    >>> array.tolist()
    [0.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0]
    """

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        place = address(context, builder, sig.args[0], *args[:2])
        stored = builder.store(args[2], builder.bitcast(place, _FLOATS.as_pointer()))
        stored.align = 4
        return context.get_dummy_value()

    return types.void(array, types.intp, _LANES), emit


@intrinsic
def splat(typing: Any, number: Any) -> Any:  # noqa: ARG001
    """Copy a float32 number to all lanes.

    Examples
    --------
    >>> import numba, numpy as np
    >>> numba.njit(lambda number: lane_sum(splat(number)))(np.float32(1.5))
    12.0
    """

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:  # noqa: ARG001
        return _broadcast(builder, args[0])

    return _LANES(types.float32), emit


@intrinsic
def splat_at(typing: Any, array: Any, index: Any) -> Any:  # noqa: ARG001
    """Copy the number at `index` of a flat array to all lanes.

    Examples
    --------
    >>> import numba, numpy as np
    >>> numba.njit(lambda array: lane_sum(splat_at(array, 1)))(np.array([0, 3], np.float32))
    24.0
    """

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _broadcast(builder, builder.load(address(context, builder, sig.args[0], *args)))

    return _LANES(array, types.intp), emit


@intrinsic
def multiply_add(typing: Any, a: Any, b: Any, c: Any) -> Any:  # noqa: ARG001
    """Compute a * b + c, rounded once where the processor can do so.

    Examples
    --------
    >>> import numba, numpy as np
    >>> @numba.njit
    ... def total(a, b, c):
    ...     return lane_sum(multiply_add(splat(a), splat(b), splat(c)))
    >>> total(*np.array([2, 3, 1], np.float32))  # 8 * (2 * 3 + 1)
    56.0
    """

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:  # noqa: ARG001
        kind = ir.FunctionType(_FLOATS, [_FLOATS] * 3)
        name = f"llvm.fmuladd.v{N_LANES}f32"
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), args)

    return _LANES(_LANES, _LANES, _LANES), emit


@intrinsic
def positive_part(typing: Any, lanes: Any) -> Any:  # noqa: ARG001
    """Take the larger of each number and zero; NaN stays NaN.

    Examples
    --------
    >>> import numba, numpy as np
    >>> positive = numba.njit(lambda array: lane_sum(positive_part(load(array, 0))))
    >>> positive(np.array([-3, -2, -1, 0, 1, 2, 3, 4], np.float32))
    10.0
    """

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:  # noqa: ARG001
        return builder.select(builder.fcmp_ordered("<", args[0], _ZEROS), _ZEROS, args[0])

    return _LANES(_LANES), emit


@intrinsic
def not_negative(typing: Any, lanes: Any, yes: Any, no: Any) -> Any:  # noqa: ARG001
    """Take `yes` in each lane whose number is 0 or more, and `no` otherwise.

    Examples
    --------
    >>> import numba, numpy as np
    >>> @numba.njit
    ... def count(array):
    ...     one, zero = splat(np.float32(1)), splat(np.float32(0))
    ...     return lane_sum(not_negative(load(array, 0), one, zero))
    >>> count(np.array([-3, -2, -1, 0, 1, 2, 3, np.nan], np.float32))
    4.0
    """

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:  # noqa: ARG001
        return builder.select(builder.fcmp_ordered(">=", args[0], _ZEROS), args[1], args[2])

    return _LANES(_LANES, _LANES, _LANES), emit


@intrinsic
def minus_magnitude(typing: Any, lanes: Any, lowest: Any) -> Any:  # noqa: ARG001
    """Take the larger of -|x| and `lowest` in each lane.

    Examples
    --------
    >>> import numba, numpy as np
    >>> @numba.njit
    ... def total(array):
    ...     return lane_sum(minus_magnitude(load(array, 0), splat(np.float32(-2))))
    >>> total(np.array([-3, 3, -1, 1, 0, 0, 0, 0], np.float32))  # -2 - 2 - 1 - 1
    -6.0
    """

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:  # noqa: ARG001
        sign = ir.Constant(_INTEGERS, [-(2**31)] * N_LANES)
        negative = builder.bitcast(builder.or_(builder.bitcast(args[0], _INTEGERS), sign), _FLOATS)
        return builder.select(builder.fcmp_ordered(">", negative, args[1]), negative, args[1])

    return _LANES(_LANES, _LANES), emit


@intrinsic
def add_exponent(typing: Any, lanes: Any, shifted: Any) -> Any:  # noqa: ARG001
    """Multiply by 2 to the n, where the low bits of each `shifted` number's mantissa hold n.

    Examples
    --------
    >>> import numba, numpy as np
    >>> @numba.njit
    ... def scaled(number, n):
    ...     shifted = splat(np.float32(1.5 * 2.0**23 + n))
    ...     return lane_sum(add_exponent(splat(number), shifted))
    >>> scaled(np.float32(1.5), 3)  # 8 * 1.5 * 2**3
    96.0
    """

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:  # noqa: ARG001
        bits, shifted_bits = (builder.bitcast(value, _INTEGERS) for value in args)
        exponent = builder.shl(shifted_bits, ir.Constant(_INTEGERS, [23] * N_LANES))
        return builder.bitcast(builder.add(bits, exponent), _FLOATS)

    return _LANES(_LANES, _LANES), emit


@intrinsic
def lane_sum(typing: Any, lanes: Any) -> Any:  # noqa: ARG001
    """Add up the eight numbers, in an order that depends only on the processor.

    Examples
    --------
    >>> import numba, numpy as np
    >>> numba.njit(lambda array: lane_sum(load(array, 0)))(np.ones(8, np.float32))
    8.0
    """

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:  # noqa: ARG001
        number = ir.FloatType()
        kind = ir.FunctionType(number, [number, _FLOATS])
        name = f"llvm.vector.reduce.fadd.v{N_LANES}f32"
        add_up = cgutils.get_or_insert_function(builder.module, kind, name)
        return builder.call(add_up, [ir.Constant(number, 0.0), args[0]], fastmath=("reassoc",))

    return types.float32(_LANES), emit


# 2^f = 1 + f (C1 + ...) on [-1/2, 1/2], relative error 9.2e-8: least squares of the relative error,
# reweighted until its extremes are level (Lawson's algorithm). The value at 0, where the logits of
# the first steps are, is exactly 1.
_C1 = np.float32(0.6931469775989931)
_C2 = np.float32(0.24022242085262388)
_C3 = np.float32(0.05550733743497152)
_C4 = np.float32(0.009671512644819781)
_C5 = np.float32(0.0013264727123540113)


@numba.njit
def exponential_parts(x: Any) -> Any:
    """Split exp(x) of numbers from -80 to 80 into 2^n (1 + f * slope), n whole and |f| <= 1/2.

    Returns f, the slope and n, as `add_exponent` takes it.

    Examples
    --------
    >>> @numba.njit
    ... def exponentials(number):
    ...     f, slope, n = exponential_parts(splat(number))
    ...     return lane_sum(add_exponent(multiply_add(f, slope, splat(np.float32(1))), n))
    >>> exponentials(np.float32(0.0))  # 8 exp(0)
    8.0
    """
    log2_e = splat(np.float32(1.4426950408889634))
    # 1.5 * 2^23: the sum with it has no bits for a fraction, and is therefore rounded to n.
    rounder = splat(np.float32(12582912.0))
    shifted = multiply_add(x, log2_e, rounder)
    f = multiply_add(x, log2_e, rounder - shifted)
    slope = multiply_add(splat(_C5), f, splat(_C4))
    slope = multiply_add(slope, f, splat(_C3))
    slope = multiply_add(slope, f, splat(_C2))
    slope = multiply_add(slope, f, splat(_C1))
    return f, slope, shifted
