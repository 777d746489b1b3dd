package oaktree_test

import (
	"net/http"
	"strings"
	"testing"

	oaktree "opendev.org/openstack/oaktree/go"
)

func TestNamesInURLs(t *testing.T) {
	for name, want := range map[string]string{
		"plain-._~/09AZ": "plain-._~/09AZ",
		"a/../b/./c/...": "a/%2E%2E/b/%2E/c/...",
		"?#%+ \n//é&":    "%3F%23%25%2B%20%0A//%C3%A9%26",
		"":               "",
	} {
		same(t, oaktree.Quoted(name), want)
		request, err := http.NewRequest(http.MethodGet, "http://cloud/v1/"+oaktree.Quoted(name)+"?sig=1", nil)
		fine(t, err)
		same(t, strings.TrimSuffix(request.URL.RequestURI(), "?sig=1"), "/v1/"+want)
	}
}
