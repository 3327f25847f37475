"""The client's methods for fragments."""

from __future__ import annotations

from collections.abc import Iterator

from pulse_client.calling import Calling
from pulse_client.fragments import calls
from pulse_client.fragments.fragment import Fragment


class FragmentMethods(Calling):
    """Layouts and pieces that templates take in."""

    def create_fragment(self, fragment: Fragment) -> Fragment:
        """Makes version 1; ALREADY_EXISTS if the name is taken."""
        return self._call(calls.create_fragment(fragment))

    def update_fragment(self, fragment: Fragment, *, apply_to_templates: bool = False) -> Fragment:
        """Makes the next version; with ``apply_to_templates`` also of all templates that take it in, or nothing."""
        return self._call(calls.update_fragment(fragment, apply_to_templates=apply_to_templates))

    def get_fragment(self, name: str, version: int = 0) -> Fragment:
        """The newest version, or a given one, with the templates that take it in."""
        return self._call(calls.get_fragment(name, version))

    def list_fragments(self, page_size: int = 0) -> Iterator[Fragment]:
        """Fragments by name, each at its newest version."""
        return self._pages(calls.list_fragments(page_size))

    def delete_fragment(self, name: str) -> None:
        """Takes a fragment out of use; FAILED_PRECONDITION while templates take it in."""
        self._call(calls.delete_fragment(name))
