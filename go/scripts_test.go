package oaktree_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// inTree skips what needs the tree that this module is a part of.
func inTree(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("tools/go.mod"); err != nil {
		t.Skip("not in oaktree's own tree")
	}
}

func TestWithoutAGoTheTargetIsSkippedInWords(t *testing.T) {
	inTree(t)
	old := filepath.Join(t.TempDir(), "go")
	complaint := "#!/bin/sh\necho 'go: errors parsing go.mod:'\necho 'invalid go version'\nexit 1\n"
	fine(t, os.WriteFile(old, []byte(complaint), 0o755))
	for command, said := range map[string]string{
		"/nonexistent/go": "No such file",
		old:               "invalid go version",
	} {
		skipped := exec.CommandContext(t.Context(), "./with-go", "test-go", "false")
		skipped.Env = append(slices.Clone(outside), "GO="+command)
		out, err := skipped.CombinedOutput()
		fine(t, err)
		if !strings.HasPrefix(string(out), "skipped: test-go: there is no Go") || !strings.Contains(string(out), said) {
			t.Errorf("%s", out)
		}
	}
	if err := exec.CommandContext(t.Context(), "./with-go", "test-go", "false").Run(); err == nil {
		t.Error("a command that fails does not fail the target")
	}
}

func TestCheckGenerateRefuses(t *testing.T) {
	inTree(t)
	for _, needed := range []string{"buf", "git"} {
		if _, err := exec.LookPath(needed); err != nil {
			t.Skip(err)
		}
	}
	tree := t.TempDir()
	for _, one := range []string{"buf.yaml", "proto", "third_party", "tools/protoc-gen-oaktree", "go"} {
		from, to := filepath.Join("..", one), filepath.Join(tree, one)
		if info, err := os.Stat(from); err != nil || info.IsDir() {
			fine(t, err)
			fine(t, os.CopyFS(to, os.DirFS(from)))
			continue
		}
		content, err := os.ReadFile(from)
		fine(t, err)
		fine(t, os.WriteFile(to, content, 0o644))
	}
	run := func(name string, args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Dir, cmd.Env = tree, outside
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := run("git", "init", "-q"); err != nil {
		t.Fatal(out)
	}
	tracks := func(args ...string) {
		t.Helper()
		args = append([]string{"-c", "user.name=test", "-c", "user.email=test@example.org"}, args...)
		if out, err := run("git", args...); err != nil {
			t.Fatal(out)
		}
	}
	tracks("add", ".")
	tracks("commit", "-q", "-m", "Whatever is there")
	check := func() (string, error) { return run("go/with-go", "checkgenerate", "./check-generate") }
	if out, err := check(); err != nil {
		t.Fatal(out)
	}

	face, extra := filepath.Join(tree, "go/cloud.gen.go"), filepath.Join(tree, "go/oaktreemodel/v1/extra.go")
	content, err := os.ReadFile(face)
	fine(t, err)
	for what, spoil := range map[string]func(){
		"go/cloud.gen.go is not what": func() { fine(t, os.WriteFile(face, append(content, '\n'), 0o644)) },
		"go/oaktreemodel is not what": func() { fine(t, os.WriteFile(extra, nil, 0o644)) },
		"not tracked:\ncloud.gen.go":  func() { tracks("rm", "-q", "--cached", "go/cloud.gen.go") },
	} {
		spoil()
		if out, err := check(); err == nil || !strings.Contains(out, what) {
			t.Errorf("%s: %v\n%s", what, err, out)
		}
		fine(t, os.WriteFile(face, content, 0o644))
		_ = os.Remove(extra)
		tracks("add", ".")
	}
}
