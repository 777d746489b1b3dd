package oaktree_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

const module = "opendev.org/openstack/oaktree/go"

// readme gives the Go examples of README.rst.
func readme(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("README.rst")
	fine(t, err)
	var found []string
	for _, block := range regexp.MustCompile(`\.\. code-block:: go\n\n((?:    .*\n|\n)+)`).FindAllStringSubmatch(string(text), -1) {
		found = append(found, regexp.MustCompile(`(?m)^    `).ReplaceAllString(block[1], ""))
	}
	return found
}

// flat is a text without its indentation.
func flat(text string) string {
	return regexp.MustCompile(`(?m)^\s+`).ReplaceAllString(text, "")
}

func TestExamplesOfTheReadmeAreRun(t *testing.T) {
	run, err := os.ReadFile("example_test.go")
	fine(t, err)
	examples := readme(t)
	same(t, len(examples), 7)
	// The first is TestGoGet's.
	for _, example := range examples[1:] {
		if !strings.Contains(flat(string(run)), flat(example)) {
			t.Errorf("example_test.go does not have this:\n%s", example)
		}
	}
}

// TestGoGet packs this module as a proxy serves it, gets it by its version from a module elsewhere,
// whose program is the first example of the README, and runs that.
func TestGoGet(t *testing.T) {
	inTree(t)
	var env []string
	goes := func(folder string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = folder
		cmd.Env = slices.Concat(outside, env)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	proxy, elsewhere, cache := t.TempDir(), t.TempDir(), t.TempDir()
	goes("tools", "run", "./pack", "..", "v0.1.0", proxy)
	had := strings.Fields(goes(".", "env", "GOPROXY", "GOMODCACHE"))
	env = []string{
		"GOWORK=off", "GO111MODULE=on", "GOMODCACHE=" + cache,
		// So that the cache can be removed.
		"GOFLAGS=-modcacherw",
		// What this module needs is here already; a machine's own proxy is asked last.
		"GOPROXY=file://" + proxy + ",file://" + filepath.Join(had[1], "cache", "download") + "," + had[0],
		// Nobody has published this version.
		"GONOSUMDB=" + module,
	}

	goes(elsewhere, "mod", "init", "example.org/outside")
	example := readme(t)[0]
	f := newFake(t)
	play(f)
	same(t, strings.Count(example, `"localhost:50051"`), 1)
	program := strings.Replace(example, "localhost:50051", f.addr, 1)
	fine(t, os.WriteFile(filepath.Join(elsewhere, "main.go"), []byte(program), 0o644))
	goes(elsewhere, "get", module+"@v0.1.0")
	goes(elsewhere, "build", "-o", "outside", ".")
	mod, err := os.ReadFile(filepath.Join(elsewhere, "go.mod"))
	fine(t, err)
	if !strings.Contains(string(mod), module+" v0.1.0") || strings.Contains(string(mod), "replace") {
		t.Fatalf("%s", mod)
	}
	out, err := exec.CommandContext(bounded(t), filepath.Join(elsewhere, "outside")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	same(t, string(out), "cirros\n192.0.2.1\n")
	call := f.onlyCall("CreateServer")
	same(t, call.request.(*pb.CreateServerRequest).GetLocation(), &pb.Location{Cloud: "devstack"})
	if agent := call.metadata.Get("user-agent")[0]; !strings.HasPrefix(agent, "oaktreemodel-go/v0.1.0 ") {
		t.Fatal(agent)
	}
}
