//go:build linux

package pkg

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// installScript installs and removes the package $1 with dpkg in a copy of this machine's files: an overlay in a mount
// namespace, at the empty folder $2, of which nothing remains. A line that fails ends it.
const installScript = `
set -eux
work=$2
mount -t tmpfs tmpfs "$work"
mkdir "$work/upper" "$work/work" "$work/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$work/upper,workdir=$work/work" "$work/root" || exit 77
mount --bind "$(dirname "$1")" "$work/root/mnt"
mount -t proc proc "$work/root/proc"
chroot "$work/root" sh -euxc '
package=/mnt/$1 enabled=/etc/systemd/system/multi-user.target.wants/meet.service
dpkg --force-depends -i "$package"
getent passwd meet
test "$(stat -c "%a %U %G" /etc/meet/meet.yaml)" = "640 root meet"
test -L $enabled
rm $enabled # as systemctl disable does
dpkg --force-depends -i "$package"
test ! -e $enabled -a ! -L $enabled
dpkg -r meet
test -f /etc/meet/meet.yaml -a ! -e /usr/bin/meet
dpkg -P meet
test ! -e /etc/meet
' sh "$(basename "$1")"
`

// cannotMount is the exit status of installScript on a machine where overlays cannot be mounted.
const cannotMount = 77

func TestPackageInstallsUpgradesAndPurges(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can mount the folder in which the package is installed")
	}
	for _, program := range []string{"dpkg", "unshare", "systemd-sysusers", "deb-systemd-helper"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(program + " is not installed")
		}
	}
	deb, err := filepath.Abs(the(t, "*.deb"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("unshare", "--mount", "sh", "-c", installScript, "sh", deb, t.TempDir())
	out, err := cmd.CombinedOutput()
	switch {
	case cmd.ProcessState != nil && cmd.ProcessState.ExitCode() == cannotMount:
		t.Skip("overlays cannot be mounted here")
	case err != nil:
		t.Errorf("%v\n%s", err, out)
	}
}
