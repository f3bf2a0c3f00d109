"""A copy of the computed clone for each file of this folder."""

import shutil

import pytest

from tests.clones import Clone


@pytest.fixture(scope="module")
def clone(computed_clone: Clone, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone in which everything has been computed once, to be changed."""
    folder = tmp_path_factory.mktemp("clone")
    shutil.copytree(computed_clone.folder.parent, folder, symlinks=True, dirs_exist_ok=True)
    return Clone.below(folder)
