"""gradspec: neural networks as YAML, checked, explained, trained, proved as ONNX, and graded for a class.

All public names are here. A name is imported when it is first used: ``import gradspec`` imports no torch.

    import gradspec

    spec = gradspec.load("model.yaml")
    run = gradspec.train(spec, "run")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradspec.namesakes import hidden, is_command

if TYPE_CHECKING:
    from builder import (
        GradspecError,
        Graph,
        GraphLayer,
        ModelSpec,
        RunError,
        SpecError,
        SpecErrors,
        infer,
        load,
        loads,
        objective,
    )
    from builder.runtime import (
        Network,
        Proof,
        Run,
        attack,
        build,
        build_networks,
        evaluate,
        export,
        load_run,
        predict,
        sample,
        save_weights,
        train,
    )
    from grader import (
        Began,
        Blocked,
        Broken,
        CheckResult,
        ClassResult,
        Failed,
        HomeResult,
        Judged,
        Limits,
        Passed,
        SubmissionResult,
        check_folder,
        grade,
    )

    __version__: str

__all__ = [
    "Began",
    "Blocked",
    "Broken",
    "CheckResult",
    "ClassResult",
    "Failed",
    "GradspecError",
    "Graph",
    "GraphLayer",
    "HomeResult",
    "Judged",
    "Limits",
    "ModelSpec",
    "Network",
    "Passed",
    "Proof",
    "Run",
    "RunError",
    "SpecError",
    "SpecErrors",
    "SubmissionResult",
    "attack",
    "build",
    "build_networks",
    "check_folder",
    "evaluate",
    "export",
    "grade",
    "infer",
    "load",
    "load_run",
    "loads",
    "objective",
    "predict",
    "sample",
    "save_weights",
    "train",
]

if not TYPE_CHECKING:
    if not is_command() and (problem := hidden()):
        raise ImportError(problem)

    def __getattr__(name: str) -> object:
        """The public name, from the package that defines it. Raises ``ImportError`` where that one is hidden."""
        from importlib import import_module

        if name == "__version__":
            from importlib.metadata import version

            return version("gradspec")
        if name not in __all__:
            raise AttributeError(f"module 'gradspec' has no attribute {name!r}")
        if problem := hidden():
            raise ImportError(problem)
        for package in ("builder", "grader", "builder.runtime"):  # torch last
            module = import_module(package)
            if name in module.__all__:
                globals()[name] = getattr(module, name)
                return globals()[name]
        raise AssertionError(f"no package defines {name}")

    def __dir__() -> list[str]:
        return [*__all__, "__version__"]
