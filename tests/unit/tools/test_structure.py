"""The files as a whole: none knows one that knows it, not even by the name of a type."""

from __future__ import annotations

import grimp  # which import-linter reads its layers with

# `Resource.create()`, whose place OpenTelemetry has chosen, asks the detectors, and these make resources.
CREATE = ("pyspan.sdk.resources._resource", "pyspan.sdk.resources._aggregate")


def test_no_file_is_known_by_one_that_it_knows() -> None:
    graph = grimp.build_graph("pyspan", exclude_type_checking_imports=False, cache_dir=None)
    for importer in graph.find_modules_that_directly_import("pyspan"):  # `from pyspan import _core` looks like it
        graph.remove_import(importer=importer, imported="pyspan")
    graph.remove_import(importer=CREATE[0], imported=CREATE[1])
    edges = [(one, other) for one in sorted(graph.modules) for other in graph.find_modules_directly_imported_by(one)]
    assert len(edges) > len(graph.modules), "the files were found"
    assert [edge for edge in edges if graph.find_shortest_chain(edge[1], edge[0])] == []
