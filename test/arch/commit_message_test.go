package arch

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// commitMessage runs scripts/commit-message.sh in a folder and returns what it prints, and whether it exits with status 0.
func commitMessage(t *testing.T, folder string, args ...string) (output string, ok bool) {
	t.Helper()
	script, err := filepath.Abs(filepath.Join(repository, "scripts", "commit-message.sh"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(script, args...)
	cmd.Dir = folder
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}

func TestCommitMessageScriptRefusesBadMessages(t *testing.T) {
	for _, tt := range []struct {
		name, message string
		problem       string // part of the output; empty if the message is good
	}{
		{"one package", "lobby: count a rejoin once\n", ""},
		{"folders", "test/nodesdk, docs: name six tests\n", ""},
		{"a body", "wire: drop late packets\n\nThey arrive after their frame; nobody needs them.\n", ""},
		{"comments of git", "\n# On branch main\nwire: drop late packets\n# Changes:\n", ""},
		{"a diff below the scissors", "wire: drop late packets\n# ------------------------ >8 ------------------------\n+a;\n", ""},
		{"72 characters, some of several bytes", "docs: say " + strings.Repeat("ü", 62) + "\n", ""},
		{"73 characters", "docs: say " + strings.Repeat("u", 63) + "\n", "73 characters"},
		{"a verb that ends in ed", "sfu: feed the recorder\n", ""},
		{"a verb that ends in ss", "rtc: pass the reason on\n", ""},
		{"a merge", "Merge branch 'topic' of example.org; with all its names.\n", ""},
		{"a revert", "Revert \"wire: drop late packets, " + strings.Repeat("x", 60) + "\"\n", ""},
		{"a commit to be joined with another", "fixup! wire: drop late packets\n", ""},
		{"nothing", "# only a comment\n", "empty"},
		{"no package", "Drop late packets\n", "form"},
		{"no verb", "wire: STUN for browsers\n", "form"},
		{"one word", "wire: format\n", "form"},
		{"a capital verb", "wire: Drop late packets\n", "form"},
		{"the third person", "wire: drops late packets\n", "imperative"},
		{"the past", "wire: dropped late packets\n", "imperative"},
		{"an irregular past", "wire: made it drop packets\n", "imperative"},
		{"a participle", "wire: dropping late packets\n", "imperative"},
		{"two ideas", "wire: drop late packets; count them\n", "semicolon"},
		{"a full stop", "wire: drop late packets.\n", "full stop"},
		{"a second line", "wire: drop late packets\nand count them\n", "second line"},
		{"an option", "--help\n", "form"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "COMMIT_EDITMSG")
			if err := os.WriteFile(file, []byte(tt.message), 0o600); err != nil {
				t.Fatal(err)
			}
			out, ok := commitMessage(t, ".", file)
			if ok != (tt.problem == "") || !strings.Contains(out, tt.problem) {
				t.Errorf("%q: passed %v with %q, want a problem with %q", tt.message, ok, out, tt.problem)
			}
		})
	}
}

// The commit messages may come from a stranger. They must not be run by the shell, and their control characters must
// not reach the log.
func TestCommitMessageScriptChecksEachCommitOfARange(t *testing.T) {
	dir := t.TempDir()
	commit := func(message string) {
		t.Helper()
		cmd := exec.Command("git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "core.hooksPath=/dev/null", "-c", "commit.gpgSign=false", "commit", "-q", "--allow-empty", "--cleanup=verbatim", "-m", message)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("commit: %v\n%s", err, out)
		}
	}
	if out, err := exec.Command("git", "init", "-q", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	commit("This is before the range.")
	commit("wire: drop late packets")
	if out, ok := commitMessage(t, dir, "--range", "HEAD~1..HEAD"); !ok {
		t.Errorf("a good commit is refused: %s", out)
	}
	commit("fixup! wire: drop late packets")
	commit("wire: $(touch created) `touch created`; touch created\r::warning::forged")
	commit("wire: count late packets")
	out, ok := commitMessage(t, dir, "--range", "HEAD~3..HEAD")
	if ok || strings.Count(out, "\n") != 4 || !strings.Contains(out, "semicolon") || strings.Contains(out, "\r") {
		t.Errorf("passed %v with %q, want two commits refused, in four lines", ok, out)
	}
	if exists(filepath.Join(dir, "created")) {
		t.Error("a commit message ran a command")
	}
	for _, bad := range []string{"none..HEAD", "..", "..HEAD", "HEAD.."} {
		if out, ok := commitMessage(t, dir, "--range", bad); ok {
			t.Errorf("the range %s passes: %s", bad, out)
		}
	}
	commit("Merge everything; was done.")
	if out, ok := commitMessage(t, dir, "--range", "HEAD~1..HEAD"); ok {
		t.Errorf("a commit with one parent passes as a merge commit: %s", out)
	}
}

func TestWorkflowChecksCommitMessagesOfPullRequests(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(repository, ".github", "workflows", "check.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var w workflow
	if err := yaml.Unmarshal(text, &w); err != nil {
		t.Fatal(err)
	}
	checked := false
	for _, step := range w.Jobs["check"].Steps {
		if action, _, _ := strings.Cut(step.Uses, "@"); action == "actions/checkout" && step.With["fetch-depth"] != 0 {
			t.Error("the checkout lacks the commits of a pull request: want fetch-depth: 0")
		}
		if !strings.Contains(step.Run, "scripts/commit-message.sh --range \"$BASE..$HEAD\"") {
			continue
		}
		checked = true
		if step.Env["BASE"] != "${{ github.event.pull_request.base.sha }}" || step.Env["HEAD"] != "${{ github.event.pull_request.head.sha }}" {
			t.Errorf("the range is %v, want the commits of the pull request", step.Env)
		}
		if step.If != "github.event_name == 'pull_request'" {
			t.Errorf("commit messages are checked if %q", step.If)
		}
	}
	if !checked {
		t.Error("no step runs scripts/commit-message.sh for the range of the pull request")
	}
}

// An expression in a script is replaced before the shell reads it, so a title or the name of a branch could be a command.
func TestWorkflowScriptsContainNoExpressions(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(repository, ".github", "workflows", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d workflows, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var w workflow
		if err := yaml.Unmarshal(text, &w); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for name, job := range w.Jobs {
			for _, step := range job.Steps {
				if strings.Contains(step.Run, "${{") {
					t.Errorf("%s: job %s: want values in env, not in the script: %s", file, name, step.Run)
				}
			}
		}
	}
}

// TestGitHooksCallScripts checks that the hooks can be executed, and that each calls its script.
func TestGitHooksCallScripts(t *testing.T) {
	for hook, command := range map[string]string{
		"pre-commit": "exec scripts/check.sh --fast",
		"commit-msg": `exec scripts/commit-message.sh "$1"`,
	} {
		file := filepath.Join(repository, ".githooks", hook)
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode()&0o100 == 0 || !strings.Contains(string(text), command) {
			t.Errorf("%s has mode %v and the text %q, want it executable and with %q", file, info.Mode(), text, command)
		}
	}
}
