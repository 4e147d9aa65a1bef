package npm

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Modules is a folder whose node_modules has a package, such as
// "oidc-provider@9.13.3", with what it depends on. The test fails, and says why,
// if it cannot be had.
func Modules(t testing.TB, pkg string) string {
	t.Helper()
	name, version, ok := cut(pkg)
	if !ok {
		t.Fatalf("npm: %q has no exact version", pkg)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	dir := filepath.Join(cache, "cairn-test", "modules-"+strings.ReplaceAll(name, "/", "+")+"-"+version)
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	if err := install(name, version, dir); err != nil {
		t.Fatalf("npm: %s is needed and cannot be had (is npm installed, is its registry reached?): %v", pkg, err)
	}
	return dir
}

// install puts a package beside dir and moves it there when it is whole.
func install(name, version, dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), "part-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	content := fmt.Sprintf(`{"private":true,"dependencies":{%q:%q}}`, name, version)
	if err := os.WriteFile(filepath.Join(tmp, "package.json"), []byte(content), 0o644); err != nil {
		return err
	}
	npm := exec.Command("npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--omit=optional")
	npm.Dir = tmp
	if out, err := npm.CombinedOutput(); err != nil {
		return errors.Join(err, errors.New(lastLine(out)))
	}
	if err := os.Rename(tmp, dir); err != nil && !errors.Is(err, os.ErrExist) {
		if _, there := os.Stat(dir); there != nil {
			return err
		}
	}
	return nil
}
