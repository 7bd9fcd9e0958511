#!/usr/bin/env bash
# Checks commit messages. The subject has the form "package: verb ...", in the imperative, with at most 72 characters, no
# semicolon and no full stop at its end; a blank line separates it from the body. Merge commits and reverts are exempt.
#   scripts/commit-message.sh FILE              checks one message; .githooks/commit-msg calls it
#   scripts/commit-message.sh --range A..B      checks the commits that B has and A does not; CI calls it for a pull request
set -euo pipefail
export LC_ALL=C.UTF-8 # counts characters, not bytes

# Verbs that end like a past tense, a participle or a third person, but are none.
imperatives=" need feed embed speed shed seed shred proceed exceed succeed bring ping ring string spring focus bias "
past=" made was were did got kept took gave wrote began found sent built had held left let's "

# problem prints what is wrong with a message, or nothing.
problem() {
  local subject second package verb
  subject=${1%%$'\n'*}
  second=
  [ "$subject" = "$1" ] || { second=${1#*$'\n'}; second=${second%%$'\n'*}; }

  case "$subject" in
    "Revert \""*) return ;;
    "") echo "the message is empty"; return ;;
  esac
  [ ${#subject} -le 72 ] || { echo "the subject has ${#subject} characters; at most 72 are allowed"; return; }
  [[ $subject != *";"* ]] || { echo "the subject has a semicolon; write one idea per commit"; return; }
  [[ $subject != *. ]] || { echo "the subject ends with a full stop; remove it"; return; }
  [[ $subject =~ ^([A-Za-z0-9._/-]+(, [A-Za-z0-9._/-]+)*):\ ([a-z][a-z-]*)\ [^\ ] ]] ||
    { echo "the subject does not have the form \"package: verb ...\", such as \"lobby: count a rejoin once\""; return; }
  verb=${BASH_REMATCH[3]}
  if [[ $imperatives != *" $verb "* ]]; then
    case "$verb" in
      *ss) ;;
      *ed | *ing | *s) echo "\"$verb\" is not imperative; write \"count\", not \"counts\", \"counted\" or \"counting\""; return ;;
    esac
    [[ $past != *" $verb "* ]] || { echo "\"$verb\" is not imperative; write \"make\", not \"made\""; return; }
  fi
  [ -z "$second" ] || echo "the second line is not blank"
}

# report prints the problem of a message and returns 1, if it has one. Messages come from strangers: control characters are
# replaced, so that they change neither the terminal nor the log of a workflow.
report() {
  local reason subject
  reason=$(problem "$2")
  [ -n "$reason" ] || return 0
  subject=${2%%$'\n'*}
  printf '%s: %s\n    %s\n' "$1" "$reason" "${subject//[[:cntrl:]]/?}" >&2
  return 1
}

case "${1:-}" in
  --range)
    [[ $# -eq 2 && $2 == ?*..?* ]] || { echo "usage: scripts/commit-message.sh --range A..B" >&2; exit 2; }
    commits=$(git rev-list --no-merges --end-of-options "$2" --)
    status=0
    for commit in $commits; do
      report "${commit:0:12}" "$(git show -s --format=%B "$commit")" || status=1
    done
    exit $status
    ;;
  "" | -*)
    echo "usage: scripts/commit-message.sh FILE | --range A..B" >&2
    exit 2
    ;;
  *)
    # As git does: what is below the scissors, comments and leading blank lines do not belong to the message.
    message=$(sed -e '/^# -* >8 -*$/,$d' -e '/^#/d' -- "$1" | sed -e '/./,$!d')
    case "$message" in
      "Merge "*) exit 0 ;; # --range leaves out commits with two parents, and checks all others
      "fixup! "* | "squash! "* | "amend! "*) exit 0 ;; # a rebase joins them with another commit; --range refuses them
    esac
    report "commit message" "$message"
    ;;
esac
