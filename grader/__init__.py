"""gradspec's grader: an assignment, a reference and a folder of submissions to points with their reasons."""

from grader.marking.at_home import HomeResult, check_folder
from grader.marking.runner import Began, Judged, grade
from grader.outcome import Blocked, Broken, Failed, Passed
from grader.results.result import CheckResult, ClassResult, SubmissionResult
from grader.submission.limits import Limits

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
