"""A cell as a lecture shows it: typeset equations and a drawing."""
