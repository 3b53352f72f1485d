"""What the users' verbs do, one room or file for each; `mmlite/cli/` parses their flags."""
