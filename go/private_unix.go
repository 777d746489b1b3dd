//go:build unix

package oaktree

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

func checkPrivate(path string, info fs.FileInfo) error {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Uid != 0 && int(stat.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to another user, and must be your own, and closed to others: chmod 600 %[1]s", path)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s holds a secret, and others can read or change it: chmod 600 %[1]s", path)
	}
	return nil
}
