// Package web holds what browsers get: pages as templates, one style sheet, small
// scripts of our own. Files only, no rules. A page takes nothing from another
// site, and has no script or style within itself.
package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"io/fs"
)

//go:embed page/*.html asset/*.css asset/*.js
var files embed.FS

// Pages are the templates by the name of their file: "signin.html". Each is given
// its own data; all share the definitions of frame.html.
func Pages() *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{"asset": AssetPath}).ParseFS(files, "page/*.html"))
}

// Root is below what the assets are served.
const Root = "/web/"

// version changes with any asset, so that a browser may keep one for ever.
var version = digest()

func digest() string {
	h := sha256.New()
	must(fs.WalkDir(files, "asset", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := files.ReadFile(path)
		h.Write(data)
		return err
	}))
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// AssetPath returns the path of an asset for a page: "style.css".
func AssetPath(name string) string { return Root + version + "/" + name }

// Assets are the files below AssetPath.
func Assets() (prefix string, tree fs.FS) {
	sub, err := fs.Sub(files, "asset")
	must(err)
	return Root + version, sub
}

func must(err error) {
	if err != nil {
		panic(err) // the files are part of the program
	}
}
