# Everything is in deploy/dev.sh, which does the same where make is missing.
.PHONY: run test lint stop venv browser

run test lint stop venv browser:
	@deploy/dev.sh $@
