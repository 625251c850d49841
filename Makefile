# Everything is in deploy/dev.sh, which does the same where make is missing.
.PHONY: run test lint stop venv

run test lint stop venv:
	@deploy/dev.sh $@
