package oaktree

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// tokenFolders are where one's own oaktree may have written its token. Both, since not every process
// of a user is told of the runtime directory.
func tokenFolders() []string {
	var folders []string
	if runtime := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(runtime) {
		if info, err := os.Stat(runtime); err == nil && info.IsDir() {
			folders = append(folders, filepath.Join(runtime, "oaktree"))
		}
	}
	if home, err := os.UserHomeDir(); err == nil {
		folders = append(folders, filepath.Join(home, ".local", "state", "oaktree"))
	}
	return folders
}

// tokenFileName is the port, or the socket's path as one word.
func tokenFileName(where endpoint) string {
	if where.socket != "" {
		return strings.NewReplacer("%", "%25", "/", "%2F").Replace(where.socket)
	}
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(where.target, "dns:///"))
	return port
}

// fromTokenFile fetches the token that one's own oaktree has left for its user; none where there is no
// file, since an oaktree may do without.
func (i *identity) fromTokenFile(context.Context) (*token, error) {
	var looked []string
	var newest string
	var written time.Time
	for _, folder := range tokenFolders() {
		path := filepath.Join(folder, tokenFileName(i.where))
		looked = append(looked, path)
		// A folder that is closed may be that of another user, who has become this one.
		if info, err := os.Stat(path); err == nil && (newest == "" || info.ModTime().After(written)) {
			newest, written = path, info.ModTime()
		}
	}
	var value string
	if newest != "" {
		content, err := readPrivate(newest)
		value = strings.TrimSpace(string(content))
		if err == nil && !isSendable(value) {
			err = fmt.Errorf("%s holds no token; start oaktree again", newest)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, status.Errorf(codes.Unauthenticated, "the token of the oaktree on this machine cannot be used: %v", err)
		}
	}
	found := i.newToken(value)
	if value == "" {
		found.hint = "no token was sent, for there is no file " + strings.Join(looked, " and no file ")
	}
	return found, nil
}
