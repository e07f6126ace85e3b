from threadpoolctl import threadpool_info, threadpool_limits

from vgae.ground import blas as module
from vgae.ground.blas import blas_on_one_thread


def test_products_are_limited_to_one_thread_and_libraries_are_found_again() -> None:
    def threads() -> set[int]:
        return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}

    with threadpool_limits(2, "blas"):
        before = threads()
        for _ in range(2):
            with blas_on_one_thread():
                assert threads() == {1}
            assert threads() == before
        assert module._libraries(1) is module._libraries(1)
        assert module._libraries(1) is not module._libraries(2)
