# Everything is in deploy/dev.sh, which does the same where make is missing.
.PHONY: run test gate lint audit stop venv browser

run test gate lint audit stop venv browser:
	@deploy/dev.sh $@
