package oaktree_test

import (
	"errors"
	"testing"

	oaktree "opendev.org/openstack/oaktree/go"
)

func TestIgnoring(t *testing.T) {
	for _, one := range []struct {
		patterns []string
		out, in  []string
	}{
		{[]string{"*.o"}, []string{"a.o", "x/y/a.o", ".o"}, []string{"a.out", "o", "a.o2"}},
		{[]string{"/a"}, []string{"a", "a/b"}, []string{"x/a", "ab"}},
		{[]string{"x/a"}, []string{"x/a", "x/a/b"}, []string{"y/x/a"}},
		{[]string{"a/"}, []string{"a/b", "x/a/b", "a/"}, []string{"a", "x/a"}},
		{[]string{"**/a/b"}, []string{"a/b", "x/y/a/b"}, []string{"b", "xa/b"}},
		{[]string{"a/**"}, []string{"a/b", "a/b/c"}, []string{"a", "x/a/b"}},
		{[]string{"a/**/b"}, []string{"a/b", "a/x/y/b"}, []string{"ab", "a/xb"}},
		{[]string{"a?c", "[a-c]x", "[!a-c]y"}, []string{"abc", "bx", "dy"}, []string{"a/c", "dx", "by"}},
		{[]string{"*", "!keep"}, []string{"a", "a/b"}, []string{"keep"}},
		{[]string{"a/", "!a/b"}, []string{"a/b"}, []string{"b"}},
		{[]string{"", "# comment", `\#one`, `\!two`, "three  ", `four\ `}, []string{"#one", "!two", "three", "four "}, []string{"# comment", "four", ""}},
		{[]string{"a+b(c)", "ü?"}, []string{"a+b(c)", "üé"}, []string{"aab(c)", "ü"}},
		{[]string{"[]a]", `\[x`}, []string{"]", "a", "[x"}, []string{"b"}},
		{[]string{"a*b", "c**d"}, []string{"ab", "axxb", "cxd"}, []string{"a/b", "c/d"}},
		{nil, nil, []string{"anything"}},
	} {
		for want, paths := range map[bool][]string{true: one.out, false: one.in} {
			for _, path := range paths {
				got, err := oaktree.Ignores(one.patterns, path)
				fine(t, err)
				if got != want {
					t.Errorf("%q and %q: %v", one.patterns, path, got)
				}
			}
		}
	}
	for _, pattern := range []string{"[z-a]", "[x"} {
		if _, err := oaktree.Ignores([]string{pattern}, "x"); !errors.Is(err, oaktree.ErrInvalidArgument) {
			t.Error(pattern, err)
		}
	}
}
