package arch

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// permissions maps parts of a repository to a job's access to them: "read", "write" or "none".
type permissions map[string]string

// workflow is the part of a GitHub Actions workflow that the tests check.
type workflow struct {
	Permissions *permissions
	Jobs        map[string]struct {
		Permissions *permissions
		Steps       []struct {
			Uses, Run, If string
			With          map[string]any
			Env           map[string]string
		}
	}
}

var (
	// pinnedAction matches an action pinned to a commit, with its version as a comment.
	pinnedAction = regexp.MustCompile(`^\s*(?:- )?uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
	// runsPackageCode matches commands that run code of third-party packages.
	runsPackageCode = regexp.MustCompile(`\b(npm|npx|node|go|pip|make)\b|scripts/`)
	npmInstall      = regexp.MustCompile(`\bnpm (ci|install|i)\b.*`)
)

// Neither a hijacked action nor a malicious package may be able to write to the repository.
func TestWorkflowsPinActionsAndLimitPermissions(t *testing.T) {
	files, err := filepath.Glob("../../.github/workflows/*")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d workflows, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if line = strings.TrimRight(line, "\n"); strings.Contains(line, "uses:") && !pinnedAction.MatchString(line) {
				t.Errorf("%s: %q: want a commit of 40 hexadecimal digits and the version as a comment", file, line)
			}
			if strings.Contains(line, "pull_request_target") {
				t.Errorf("%s runs code of pull requests with write access", file)
			}
		}
		var w workflow
		if err := yaml.Unmarshal(text, &w); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if w.Permissions == nil || canWrite(*w.Permissions) {
			t.Errorf("%s: want top-level permissions without write access", file)
		}
		for name, job := range w.Jobs {
			mayWrite := job.Permissions != nil && canWrite(*job.Permissions)
			for _, step := range job.Steps {
				switch action, _, _ := strings.Cut(step.Uses, "@"); {
				case mayWrite && (runsPackageCode.MatchString(step.Run) || strings.HasPrefix(action, "actions/setup-")):
					t.Errorf("%s: job %s may write to the repository and runs code of packages: %s%s", file, name, step.Uses, step.Run)
				case !mayWrite && action == "actions/checkout" && step.With["persist-credentials"] != false:
					t.Errorf("%s: job %s leaves its token in the checkout: want persist-credentials: false", file, name)
				}
			}
		}
	}
}

// The test runs the workflow's publish step, and checks out the result as git does on Windows.
func TestWorkflowPublishesFrontendBuildUnchanged(t *testing.T) {
	text, err := os.ReadFile("../../.github/workflows/frontend.yml")
	if err != nil {
		t.Fatal(err)
	}
	var w workflow
	if err := yaml.Unmarshal(text, &w); err != nil {
		t.Fatal(err)
	}
	steps := w.Jobs["publish"].Steps
	script := steps[len(steps)-1].Run

	dir := t.TempDir()
	run := func(in, program string, args ...string) {
		t.Helper()
		cmd := exec.Command(program, args...)
		cmd.Dir = filepath.Join(dir, in)
		cmd.Env = append(os.Environ(), "RUNNER_TEMP="+dir, "GITHUB_SHA=abc", "GIT_CONFIG_GLOBAL="+filepath.Join(dir, "gitconfig"), "GIT_CONFIG_NOSYSTEM=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s %v: %v\n%s", program, args, err, out)
		}
	}
	files := map[string]string{"lf.js": "a\nb\n", "crlf.js": "a\r\nb\r\n", "mixed.css": "a\r\nb\n", "manifest.json": "{\n}\n"}
	if err := os.Mkdir(filepath.Join(dir, "build"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, "build", name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run("", "git", "config", "--file", "gitconfig", "core.autocrlf", "true")
	run("", "git", "init", "-q", "--bare", "origin")
	run("", "git", "clone", "-q", "origin", "checkout")
	run("checkout", "git", "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-q", "--allow-empty", "-m", "a build before")
	run("checkout", "git", "push", "-q", "origin", "HEAD:gh-pages")
	run("checkout", "bash", "-e", "-c", script)
	run("", "git", "clone", "-q", "--branch", "gh-pages", "origin", "published")
	for name, want := range files {
		if got, err := os.ReadFile(filepath.Join(dir, "published", name)); err != nil || string(got) != want {
			t.Errorf("%s is published as %q, %v; want %q", name, got, err, want)
		}
	}
}

func TestWorkflowRunsCheckScriptOnPullRequestsWithoutSecrets(t *testing.T) {
	text, err := os.ReadFile("../../.github/workflows/check.yml")
	if err != nil {
		t.Fatal(err)
	}
	var w workflow
	if err := yaml.Unmarshal(text, &w); err != nil {
		t.Fatal(err)
	}
	steps := w.Jobs["check"].Steps
	if len(steps) == 0 || !strings.Contains(steps[len(steps)-1].Run, "\nscripts/check.sh\n") {
		t.Error("the last step does not run scripts/check.sh")
	}
	if !strings.Contains(string(text), "\n  pull_request:\n") || strings.Contains(string(text), "secrets.") {
		t.Error("want it to run for pull requests, and without secrets")
	}
}

// canWrite reports whether permissions include write access.
func canWrite(p permissions) bool {
	for _, right := range p {
		if right != "read" && right != "none" {
			return true
		}
	}
	return false
}

// A script of an npm package could run any program on every machine that installs the package.
func TestNpmInstallRunsNoScripts(t *testing.T) {
	list, err := exec.Command("git", "-C", "../..", "ls-files", "scripts", ".github", "cmd/meet").Output()
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, file := range strings.Fields(string(list)) {
		text, err := os.ReadFile(filepath.Join("../..", file))
		if err != nil {
			t.Fatal(err)
		}
		calls := npmInstall.FindAllString(string(text), -1)
		if strings.HasSuffix(file, ".go") {
			calls = regexp.MustCompile(`"(ci|install)", "--.*`).FindAllString(string(text), -1)
		}
		for _, call := range calls {
			found++
			if !strings.Contains(call, "--ignore-scripts") {
				t.Errorf("%s: %q: want --ignore-scripts", file, call)
			}
		}
	}
	if found < 3 {
		t.Errorf("found %d calls of npm that install packages, want those of npm-ci.sh and of build-frontend, and the comment in the workflow", found)
	}
}
