package arch

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

// rule is a row of the package map: the imports of one package. Imports point from the edge of the program to its core.
// An import that is not listed would couple two packages that should be independent.
type rule struct {
	allowed   []string // packages of this module that may be imported; "*" means all
	forbidden []string // prefixes of other modules' packages that must not be imported
}

var (
	pion      = "github.com/pion/"
	echo      = "github.com/labstack/echo"
	protocol  = "github.com/livekit/protocol/"
	nats      = "github.com/nats-io/"
	httpParts = []string{"net/http", echo}
)

// rules says for each package which packages it may and must not import. Every package has a row, and every row has a
// package. docs/architecture.md shows the rules as a table.
var rules = map[string]rule{
	"cmd/meet":           {allowed: []string{"internal/app", "internal/config", "internal/token", "internal/assets", "internal/client", "internal/mediafile", "internal/loadtest", "internal/admin", "internal/backup", "internal/doctor", "internal/reach"}, forbidden: []string{pion, echo}},
	"internal/app":       {allowed: []string{"*"}, forbidden: []string{nats}},
	"internal/config":    {},
	"internal/admin":     {allowed: []string{"internal/token"}, forbidden: []string{pion, echo, nats}},                                         // an API client
	"internal/doctor":    {allowed: []string{"internal/netaddr", "internal/publicip", "internal/wire"}, forbidden: []string{pion, echo, nats}}, // opens the same socket as the server
	"internal/backup":    {allowed: []string{"internal/store"}, forbidden: append(httpParts, pion, nats)},
	"internal/certs":     {forbidden: []string{pion, echo, nats}},
	"internal/bytequeue": {forbidden: append(httpParts, pion)},
	"internal/decode":    {forbidden: httpParts},
	"internal/fault":     {},
	"internal/loop":      {forbidden: append(httpParts, pion, nats, "log")},
	"internal/frame":     {allowed: []string{"internal/decode"}, forbidden: append(httpParts, pion, nats)},
	"internal/name":      {allowed: []string{"internal/fault"}, forbidden: append(httpParts, pion, nats)},
	"internal/site":      {allowed: []string{"internal/ratelimit", "internal/lobby", "internal/assets", "internal/name", "internal/fault", "web", "web/templates", "internal/proxy"}, forbidden: []string{pion, nats}},
	"internal/lobby":     {allowed: []string{"internal/source", "internal/token", "internal/store", "internal/name", "internal/fault"}, forbidden: append(httpParts, pion)},
	"internal/token":     {allowed: []string{"internal/name", "internal/fault"}, forbidden: append(httpParts, pion, nats)},
	"internal/signal":    {allowed: []string{"internal/bytequeue", "internal/rtc", "internal/token", "internal/decode", "internal/frame", "internal/name", "internal/fault", "internal/proxy"}, forbidden: []string{pion, echo, nats}},
	"internal/rtc":       {allowed: []string{"internal/ratelimit", "internal/loop", "internal/peer", "internal/sfu", "internal/decode", "internal/name", "internal/fault", "internal/pionlog"}, forbidden: append(httpParts, nats)},
	"internal/peer":      {allowed: []string{"internal/loop", "internal/netaddr", "internal/sfu"}, forbidden: append(httpParts, nats)},
	"internal/netaddr":   {forbidden: append(httpParts, pion, nats, "log")},
	"internal/reach":     {allowed: []string{"internal/client", "internal/doctor", "internal/publicip"}, forbidden: []string{echo, nats}},
	"internal/publicip":  {forbidden: append(httpParts, nats, "github.com/pion/webrtc")},
	"internal/proxy":     {forbidden: []string{pion, echo, nats}},

	"internal/sfu":         {allowed: []string{"internal/sfu/codec", "internal/sfu/forward", "internal/sfu/pacer"}, forbidden: append(httpParts, nats, "log", "google.golang.org/protobuf")}, // the packet path does not log or encode protobuf
	"internal/sfu/codec":   {forbidden: []string{"time", "sync", "log"}},                                                                                                                     // pure
	"internal/sfu/forward": {allowed: []string{"internal/sfu/codec"}, forbidden: []string{"sync", "log", "github.com/pion/webrtc", "github.com/pion/interceptor"}},                           // pure; time is an argument
	"internal/sfu/pacer":   {allowed: []string{"internal/sfu/bwe"}, forbidden: append(httpParts, nats, "log", "github.com/pion/webrtc")},
	"internal/sfu/bwe":     {forbidden: []string{"sync", "log"}}, // time is an argument

	"internal/wire":      {allowed: []string{"internal/netaddr", "internal/source"}, forbidden: append(httpParts, nats)},
	"internal/direct":    {allowed: []string{"internal/bytequeue", "internal/fault", "internal/proxy", "internal/ratelimit"}, forbidden: []string{pion}},
	"internal/api":       {allowed: []string{"internal/rtc", "internal/decode", "internal/token", "internal/name", "internal/fault"}, forbidden: []string{pion, echo}},
	"internal/agent":     {allowed: []string{"internal/bytequeue", "internal/token", "internal/frame", "internal/fault"}, forbidden: []string{pion, echo, nats}},
	"internal/webhook":   {allowed: []string{"internal/token", "internal/store"}},
	"internal/store":     {forbidden: append(httpParts, pion)},
	"internal/turn":      {allowed: []string{"internal/netaddr", "internal/pionlog", "internal/source"}},
	"internal/pionlog":   {},
	"internal/ratelimit": {allowed: []string{"internal/source", "internal/fault"}, forbidden: append(httpParts, pion)},
	"internal/source":    {forbidden: append(httpParts, pion)},
	"internal/assets":    {allowed: []string{"internal/fault"}},
	"internal/metrics":   {},
	"internal/client":    {allowed: []string{"internal/token"}, forbidden: []string{echo, nats}},
	"internal/mediafile": {},
	"internal/loadtest":  {allowed: []string{"internal/client", "internal/token"}},
	"web":                {allowed: []string{"web/templates"}},
	"web/templates":      {forbidden: []string{echo}},
	"scripts/archive":    {},
	"test/arch":          {},
	"test/attack":        {allowed: []string{"internal/client", "internal/token", "test/program"}},
	"test/cli":           {allowed: []string{"internal/client", "test/program"}},
	"test/harness":       {allowed: []string{"internal/app", "internal/config"}},
	"test/impair":        {},
	"test/measure":       {},
	"test/networks":      {},
	"test/package":       {},
	"test/pebble":        {},
	"test/program":       {},
	"test/prose/sample":  {},
	"test/server":        {},
	"test/testcert":      {},
	"test/impair/proxy":  {allowed: []string{"test/impair"}},
}

// protobufUsers lists the packages that may use LiveKit's protobuf messages. All other packages define their own types.
// Most of the listed packages use the messages as their data model. The exceptions: app passes messages from rtc to
// lobby, loadtest passes them to the client, cmd/meet prints the responses of the API, and test/harness lists the
// methods of the API.
var protobufUsers = []string{
	"internal/signal", "internal/rtc", "internal/peer", "internal/api", "internal/agent", "internal/webhook", "internal/client", "internal/loadtest", "internal/app",
	"internal/admin", "internal/reach", "cmd/meet", "test/harness",
}

// goPackage is a package in the output of go list.
type goPackage struct {
	ImportPath string
	Imports    []string
}

// packages returns all packages of this module by their paths, without "meet/".
func packages(t *testing.T) map[string]goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "meet/...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	all := map[string]goPackage{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimPrefix(p.ImportPath, "meet/")] = p
	}
}

func TestPackagesImportOnlyWhatTheRulesAllow(t *testing.T) {
	all := packages(t)
	if len(all) < 10 {
		t.Fatalf("found only %d packages", len(all))
	}
	for name, p := range all {
		r, ok := rules[name]
		if !ok {
			t.Errorf("%s is not in the package map: add what it may import", name)
			continue
		}
		for _, imported := range p.Imports {
			if why := r.objection(name, imported); why != "" {
				t.Errorf("%s must not import %s: %s", name, imported, why)
			}
		}
	}
}

// Every package that has a row in the package map, or is named in a row, exists.
func TestImportRulesNameExistingPackages(t *testing.T) {
	all := packages(t)
	isPackage := func(name string) bool { _, ok := all[name]; return ok }
	for name, r := range rules {
		if !isPackage(name) {
			t.Errorf("%s has a row in the package map and does not exist", name)
		}
		for _, may := range r.allowed {
			if may != "*" && !isPackage(may) {
				t.Errorf("%s may import %s, which does not exist", name, may)
			}
		}
	}
	for _, name := range protobufUsers {
		if !isPackage(name) {
			t.Errorf("%s may use protobuf messages and does not exist", name)
		}
	}
}

// objection returns why a package must not import another, or "" if it may.
func (r rule) objection(name, imported string) string {
	if ours, ok := strings.CutPrefix(imported, "meet/"); ok {
		switch {
		case ours == "internal/app" && name != "cmd/meet" && name != "test/harness":
			return "only cmd/meet and test/harness may import app"
		case ours == "internal/config" && name != "cmd/meet" && name != "internal/app" && name != "test/harness":
			return "a package takes its own Options instead of the program's settings"
		case !slices.Contains(r.allowed, "*") && !slices.Contains(r.allowed, ours):
			return "the package map does not list this import"
		}
		return ""
	}
	for _, prefix := range r.forbidden {
		if hasPathPrefix(imported, prefix) {
			return "this package must not depend on that module"
		}
	}
	if hasPathPrefix(imported, protocol) {
		switch {
		case imported != protocol+"livekit":
			return "only the messages of this module are used, not its logger, auth or utilities"
		case !slices.Contains(protobufUsers, name):
			return "protobuf messages are used only in " + strings.Join(protobufUsers, ", ")
		}
	}
	return ""
}

// hasPathPrefix reports whether an import path is prefix or below it.
func hasPathPrefix(imported, prefix string) bool {
	return strings.HasPrefix(imported, prefix) && (strings.HasSuffix(prefix, "/") || imported == prefix || strings.HasPrefix(imported[len(prefix):], "/"))
}

func TestImportCheckRefusesOnlyForbiddenImports(t *testing.T) {
	for _, tc := range []struct {
		name, imported string
		refused        bool
	}{
		{"internal/site", "meet/internal/rtc", true},
		{"internal/site", "meet/internal/lobby", false},
		{"internal/rtc", "meet/internal/config", true},
		{"internal/api", "meet/internal/app", true},
		{"internal/app", "meet/internal/store", false},
		{"internal/signal", "github.com/pion/webrtc/v4", true},
		{"internal/lobby", "net/http", true},
		{"internal/lobby", "net/http/httptest", true},
		{"internal/lobby", protocol + "livekit", true},
		{"internal/rtc", protocol + "livekit", false},
		{"internal/rtc", protocol + "auth", true},
		{"internal/sfu", "log/slog", true},
		{"internal/sfu", "logger", false},
		{"internal/api", "meet/internal/egress", true},
		{"web/templates", "meet/internal/lobby", true},
	} {
		if why := rules[tc.name].objection(tc.name, tc.imported); (why != "") != tc.refused {
			t.Errorf("%s importing %s: %q, want refused %v", tc.name, tc.imported, why, tc.refused)
		}
	}
}

// Every package comment begins with "Package name" or "Command name".
func TestEveryPackageHasAPackageComment(t *testing.T) {
	cmd := exec.Command("go", "list", "-f", "{{.ImportPath}}\t{{.Name}}\t{{.Doc}}", "meet/...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.SplitN(strings.TrimSpace(line), "\t", 3)
		want := "Package " + fields[1] + " "
		if fields[1] == "main" {
			want = "Command " + path.Base(fields[0]) + " "
		}
		if len(fields) < 3 || !strings.HasPrefix(fields[2], want) {
			t.Errorf("%s has no package comment that begins with %q", fields[0], want)
		}
	}
}
