//go:build linux

package pkg

import (
	"bufio"
	"debug/elf"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const repository = "../.."

// dist is the folder with the release for this machine, which TestMain builds. unpacked is the folder of its archive.
var dist, unpacked string

func TestMain(m *testing.M) {
	flag.Parse()
	if testing.Short() {
		fmt.Println("skipped: building a release takes long")
		return
	}
	status, err := buildAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

func buildAndRun(m *testing.M) (status int, err error) {
	dir, err := os.MkdirTemp("", "meet-package")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.Chmod(dir, 0o755); err != nil { // the container's user must reach a folder in it
		return 0, err
	}
	dist = filepath.Join(dir, "dist")
	if out, err := exec.Command(filepath.Join(repository, "scripts/release.sh"), "--only", "linux/"+runtime.GOARCH, "--out", dist).CombinedOutput(); err != nil {
		return 0, fmt.Errorf("release.sh: %w\n%s", err, out)
	}
	archives, err := filepath.Glob(filepath.Join(dist, "meet_*.tar.gz"))
	if err != nil || len(archives) != 1 {
		return 0, fmt.Errorf("archives %v, %w; want one", archives, err)
	}
	if out, err := exec.Command("tar", "-xzf", archives[0], "-C", dir).CombinedOutput(); err != nil {
		return 0, fmt.Errorf("unpack: %w\n%s", err, out)
	}
	unpacked = strings.TrimSuffix(filepath.Join(dir, filepath.Base(archives[0])), ".tar.gz")
	return m.Run(), nil
}

// output runs a program and returns its output.
func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// the returns the only file in dist that matches a pattern.
func the(t *testing.T, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dist, pattern))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s: %v, %v; want one file", pattern, found, err)
	}
	return found[0]
}

func TestArchiveHasAStaticBinaryThatNamesItsCommit(t *testing.T) {
	for _, name := range []string{"LICENSE", "README.md"} {
		if _, err := os.Stat(filepath.Join(unpacked, name)); err != nil {
			t.Error(err)
		}
	}
	binary, err := elf.Open(filepath.Join(unpacked, "meet"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = binary.Close() }() // it was only read
	if slices.ContainsFunc(binary.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		t.Error("the binary needs a dynamic linker")
	}
	var version struct{ Version, Commit, Date string }
	if err := json.Unmarshal([]byte(output(t, filepath.Join(unpacked, "meet"), "version", "--json")), &version); err != nil {
		t.Fatal(err)
	}
	commit := strings.TrimSpace(output(t, "git", "-C", repository, "rev-parse", "HEAD"))
	if hash, _, _ := strings.Cut(version.Commit, "-"); hash == "" || !strings.HasPrefix(commit, hash) || version.Date == "" || version.Version == "" {
		t.Errorf("%+v, want the commit %s", version, commit)
	}
}

func TestSumsAndSBOMDescribeTheRelease(t *testing.T) {
	check := exec.Command("sha256sum", "--check", "--strict", "SHA256SUMS")
	check.Dir = dist
	if out, err := check.CombinedOutput(); err != nil || strings.Count(string(out), ": OK") != 3 {
		t.Errorf("%v\n%s\nwant the archive, the SBOM and the .deb", err, out)
	}
	text, err := os.ReadFile(the(t, "*.cdx.json"))
	if err != nil {
		t.Fatal(err)
	}
	var sbom struct {
		BOMFormat  string
		Components []struct{ Name, Version string }
	}
	if err := json.Unmarshal(text, &sbom); err != nil || sbom.BOMFormat != "CycloneDX" {
		t.Fatalf("format %q, %v", sbom.BOMFormat, err)
	}
	for _, module := range []string{"github.com/pion/webrtc/v4", "github.com/nats-io/nats-server/v2"} {
		if !slices.ContainsFunc(sbom.Components, func(c struct{ Name, Version string }) bool { return c.Name == module && c.Version != "" }) {
			t.Errorf("the SBOM lacks %s", module)
		}
	}
}

// unpackDeb unpacks the Debian package into a temporary folder, as root in it.
func unpackDeb(t *testing.T) (root string) {
	t.Helper()
	if _, err := exec.LookPath("dpkg-deb"); err != nil {
		t.Skip("dpkg-deb is not installed")
	}
	root = t.TempDir()
	output(t, "dpkg-deb", "-x", the(t, "*.deb"), root)
	output(t, "dpkg-deb", "-e", the(t, "*.deb"), filepath.Join(root, "DEBIAN"))
	return root
}

func TestDebianPackageHasItsFilesAndValidScripts(t *testing.T) {
	root := unpackDeb(t)
	for _, name := range []string{
		"usr/bin/meet", "usr/lib/systemd/system/meet.service", "usr/lib/sysusers.d/meet.conf", "etc/meet/meet.yaml",
		"usr/share/bash-completion/completions/meet", "usr/share/zsh/vendor-completions/_meet",
		"usr/share/fish/vendor_completions.d/meet.fish", "usr/share/doc/meet/copyright",
	} {
		if info, err := os.Stat(filepath.Join(root, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if text, err := os.ReadFile(filepath.Join(root, "DEBIAN/conffiles")); err != nil || strings.TrimSpace(string(text)) != "/etc/meet/meet.yaml" {
		t.Errorf("conffiles %q, %v", text, err)
	}
	for _, script := range []string{"postinst", "prerm", "postrm"} {
		output(t, "sh", "-n", filepath.Join(root, "DEBIAN", script))
	}
}

var (
	execStart = regexp.MustCompile(`(?m)^ExecStart=/usr/bin/meet (.*)$`)
	dataDir   = regexp.MustCompile(`(?m)^data_dir: /var/lib/meet$`)
)

// The server starts with the command of the service and the settings of the package. Only the data folder and the port
// are others.
func TestPackagedServiceCommandServesWithThePackagedSettings(t *testing.T) {
	root := unpackDeb(t)
	unit, err := os.ReadFile(filepath.Join(root, "usr/lib/systemd/system/meet.service"))
	if err != nil {
		t.Fatal(err)
	}
	start := execStart.FindSubmatch(unit)
	if start == nil {
		t.Fatal("the service does not start /usr/bin/meet")
	}
	settings, err := os.ReadFile(filepath.Join(root, "etc/meet/meet.yaml"))
	if err != nil || !dataDir.Match(settings) {
		t.Fatalf("the settings do not set the data folder: %v\n%s", err, settings)
	}
	for line := range strings.Lines(string(settings)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "data_dir:") {
			t.Errorf("the settings set more than the data folder: %s", line)
		}
	}
	data := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(filepath.Join(root, "etc/meet/meet.yaml"), dataDir.ReplaceAll(settings, []byte("data_dir: "+data)), 0o600); err != nil {
		t.Fatal(err)
	}
	args := strings.Fields(strings.ReplaceAll(string(start[1]), "/etc/meet", filepath.Join(root, "etc/meet")))
	cmd := exec.Command(filepath.Join(root, "usr/bin/meet"), args...)
	cmd.Dir = filepath.Join(root, "etc/meet")
	serveAndStop(t, cmd)
	if _, err := os.Stat(filepath.Join(data, "keys.yaml")); err != nil {
		t.Error(err)
	}
}

// serveAndStop starts a server on a free port, waits until it is ready, and stops it.
func serveAndStop(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	cmd.Env = append(cmd.Env, "MEET_LISTEN="+address)
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }) // usually ended already
	deadline := time.Now().Add(60 * time.Second)
	for tick := time.NewTicker(20 * time.Millisecond); ; <-tick.C {
		resp, err := http.Get("http://" + address + "/readyz")
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				break
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("the server is not ready: %v", err)
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v, want status 0", err)
	}
}

// maxExposure is the highest score of systemd-analyze security that the service may have: 0 is best, 100 worst. Services
// that need the network and a port below 1024 have at least 10.
const maxExposure = "20"

func TestServiceIsValidAndHardened(t *testing.T) {
	root := unpackDeb(t)
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	path := filepath.Join(root, "usr/lib/systemd/system/meet.service")
	output(t, "systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold="+maxExposure, path)
	unit, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	unit = []byte(strings.ReplaceAll(string(unit), "/usr/bin/meet", filepath.Join(root, "usr/bin/meet"))) // verify looks for it
	if err := os.WriteFile(path, unit, 0o600); err != nil {
		t.Fatal(err)
	}
	if out := output(t, "systemd-analyze", "verify", "--man=no", path); strings.Contains(out, "meet.service") {
		t.Errorf("systemd-analyze verify: %s", out)
	}
}

// In a container from the Containerfile there is nothing but the binary, certificate authorities and /data.
func TestBinaryServesFromAFolderWithoutAnythingElse(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can change the root folder of a process")
	}
	const user = 65532
	container := readContainerfile(t)
	if container["USER"] != fmt.Sprintf("%d:%d", user, user) || container["VOLUME"] != "/data" || container["EXPOSE"] != "8080/tcp 8080/udp" {
		t.Errorf("the Containerfile has %v", container)
	}
	root, err := os.MkdirTemp(filepath.Dir(dist), "root") // unlike that of t.TempDir, others may enter its parent
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(root, 0o755), os.Mkdir(filepath.Join(root, "data"), 0o700), os.Chown(filepath.Join(root, "data"), user, user)); err != nil {
		t.Fatal(err)
	}
	output(t, "cp", filepath.Join(unpacked, "meet"), root)
	var command []string
	if err := json.Unmarshal([]byte(container["ENTRYPOINT"]), &command); err != nil {
		t.Fatal(err)
	}
	cmd := &exec.Cmd{Path: command[0], Args: command, Dir: container["WORKDIR"], Env: []string{container["ENV"]}}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: user, Gid: user}}
	serveAndStop(t, cmd)
	if _, err := os.Stat(filepath.Join(root, "data/keys.yaml")); err != nil {
		t.Error(err)
	}
}

// readContainerfile returns the instructions of the last stage of the Containerfile, without COPY.
func readContainerfile(t *testing.T) map[string]string {
	t.Helper()
	f, err := os.Open(filepath.Join(repository, "Containerfile"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // it was only read
	stage := map[string]string{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		instruction, arguments, _ := strings.Cut(lines.Text(), " ")
		if instruction == "FROM" {
			stage = map[string]string{}
		}
		stage[instruction] = arguments
	}
	if stage["FROM"] != "scratch" {
		t.Fatalf("the last stage is from %s, want scratch", stage["FROM"])
	}
	return stage
}
