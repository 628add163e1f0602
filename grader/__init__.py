"""gradspec's grader: an assignment, a reference and a folder of submissions to points with their reasons."""

from grader.home import HomeResult, check_folder
from grader.limits import Limits
from grader.outcome import Blocked, Broken, Failed, Passed
from grader.result import CheckResult, ClassResult, SubmissionResult
from grader.runner import Began, Judged, grade

__all__ = [
    "Began",
    "Blocked",
    "Broken",
    "CheckResult",
    "ClassResult",
    "Failed",
    "HomeResult",
    "Judged",
    "Limits",
    "Passed",
    "SubmissionResult",
    "check_folder",
    "grade",
]
