# uv reads none of pip's settings: it gets the indexes of an institute's mirror from them, and chooses among several as pip
# does. $(INDEXES) stands before a command of uv; PIP is how pip is called.
pip-says = $$($(PIP) config get global.$(1) 2>/dev/null)
DEFAULT_INDEX = UV_DEFAULT_INDEX="$${UV_DEFAULT_INDEX:-$${UV_INDEX_URL:-$${PIP_INDEX_URL:-$(call pip-says,index-url)}}}"
FURTHER = UV_INDEX="$${UV_INDEX:-$${UV_EXTRA_INDEX_URL:-$${PIP_EXTRA_INDEX_URL:-$(call pip-says,extra-index-url)}}}"
INDEXES = $(DEFAULT_INDEX) $(FURTHER) UV_INDEX_STRATEGY="$${UV_INDEX_STRATEGY:-unsafe-best-match}"
