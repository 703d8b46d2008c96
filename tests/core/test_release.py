"""The release that stands in requests and files."""

import matloop
from matloop.core.release import release


def test_the_release_is_that_of_the_package_or_says_that_it_is_source():
    assert release() in (matloop.__version__, "source")
