# The viewer behind /docs: swagger-ui-dist 5.35.0 from npm (Apache-2.0), pinned by extension/http/docs/SHA256SUMS and linked into the library.

DOCS_FILES = $(addprefix extension/http/docs/,index.html start.js swagger-ui-bundle.js swagger-ui.css)

extension/http/docs.o: $(DOCS_FILES) build/docs.checked

build/docs.checked: $(DOCS_FILES) extension/http/docs/SHA256SUMS
	@mkdir -p build
	cd extension/http/docs && sha256sum --check --quiet SHA256SUMS
	@touch $@

EXTRA_CLEAN += build/docs.checked
