"""Links into a new environment all that fer_tf, installed there with --no-deps, requires.

    VENV/bin/python scripts/link_required.py OTHER

The packages are VENV's, and OTHER is made by the same Python. It then has what `pip install .`
would bring at the releases of VENV, and nothing else that VENV has, and nothing is fetched.
"""

from __future__ import annotations

import contextlib
import os
import sys
import sysconfig
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement


def requirements(one: Distribution, extras: frozenset[str]) -> list[Requirement]:
    """What a distribution with some of its extras requires on this machine."""
    asked = [Requirement(line) for line in one.requires or ()]
    environments = [{"extra": extra} for extra in extras or {""}]
    return [
        each
        for each in asked
        if each.marker is None or any(each.marker.evaluate(one) for one in environments)
    ]


def closure(one: Distribution) -> dict[str, Distribution]:
    """All distributions that one requires, and those that they require, by name."""
    found: dict[str, Distribution] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = requirements(one, frozenset())
    while waiting:
        wanted = waiting.pop()
        key = wanted.name, frozenset(wanted.extras)
        if key in seen:
            continue
        seen.add(key)
        found[wanted.name] = each = distribution(wanted.name)
        if each.version not in wanted.specifier:
            sys.exit(f"{wanted.name}: found {each.version}, expected {wanted.specifier}")
        waiting += requirements(each, key[1])
    return found


def main() -> None:
    """Link every file of every package that is required."""
    other = Path(sys.argv[1])
    site = Path(sysconfig.get_path("purelib", vars={"base": str(other)}))
    (own,) = distributions(name="fer_tf", path=[str(site)])
    packages = closure(own)
    made: set[str] = set()
    for package in packages.values():
        for file in package.files or ():
            folder = os.path.join(site, file.parent)
            if ".." not in file.parts:
                if folder not in made:
                    os.makedirs(folder, exist_ok=True)
                    made.add(folder)
                # Two packages may bring one file, such as that of a namespace.
                with contextlib.suppress(FileExistsError):
                    os.symlink(os.path.abspath(file.locate()), os.path.join(folder, file.name))
    print(f"{len(packages)} packages that fer_tf {own.version} requires, linked into {other}")


if __name__ == "__main__":
    main()
