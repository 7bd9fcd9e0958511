package site

import (
	"bytes"
	"context"
	"fmt"

	"github.com/a-h/templ"

	"meet/internal/assets"
	"meet/web/templates"
)

// shell returns the layout of a page, with the files of an entry point of the current build.
func (s *Site) shell(title, entry string) templates.Shell {
	return shell(&s.builds.Current().Manifest, s.base, s.base+staticPath, title, entry)
}

// plainShell returns the layout of a page without scripts.
func (s *Site) plainShell(title string) templates.Shell {
	v := s.shell(title, "lobby")
	v.Assets.Scripts = nil
	return v
}

// shell returns the layout of a page, with the files that the manifest lists for an entry point. It panics if the
// manifest lacks the entry point. Package assets accepts no build that lacks one, so the name must be a programming
// error.
func shell(m *assets.Manifest, base, static, title, entry string) templates.Shell {
	e, ok := m.Entries[entry]
	if !ok {
		panic(fmt.Sprintf("site: there is no entry %q", entry))
	}
	integrity := map[string]string{}
	for _, f := range m.Files {
		integrity[f.Path] = f.Integrity()
	}
	list := func(paths ...string) (list []templates.Asset) {
		for _, path := range paths {
			list = append(list, templates.Asset{URL: static + path, Integrity: integrity[path]})
		}
		return list
	}
	return templates.Shell{Base: base, Title: title, Assets: templates.Assets{
		Scripts: list(e.Script), Styles: list(e.Styles...), Preloads: list(e.Preloads...), Icon: static + m.Icon,
	}}
}

// RenderShells renders the pages that use a published build's files, without their content. The result maps file names
// to pages.
func RenderShells(m *assets.Manifest) (map[string][]byte, error) {
	static := m.StaticURL
	if static == "" {
		static = m.BasePath + staticPath
	}
	v := func(title, entry string) templates.Shell { return shell(m, m.BasePath, static, title, entry) }
	pages := map[string]templ.Component{
		"lobby":  templates.LobbyPage(templates.LobbyView{Shell: v("Meet", "lobby")}),
		"room":   templates.RoomPage(templates.RoomView{Shell: v("Meet", "room")}),
		"custom": templates.CustomPage(templates.CustomView{Shell: v("Join with a token · Meet", "custom")}),
		"direct": templates.DirectPage(templates.DirectView{Shell: v("Direct call · Meet", "direct")}),
		"test":   templates.TestPage(templates.TestView{Shell: v("Connection test · Meet", "test")}),
		"trust":  templates.TrustPage(templates.TrustView{Shell: v("Trust this server · Meet", "trust")}),
	}
	files := map[string][]byte{}
	for name := range m.Entries {
		if pages[name] == nil {
			return nil, fmt.Errorf("the entry %q has no shell: add it to site.RenderShells", name)
		}
		var b bytes.Buffer
		if err := pages[name].Render(context.Background(), &b); err != nil {
			return nil, fmt.Errorf("render the shell of %s: %w", name, err)
		}
		files["shells/"+name+".html"] = b.Bytes()
	}
	return files, nil
}
