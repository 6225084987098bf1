// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"encoding/json"
	"fmt"

	"sensor/vmtests/guest"
)

// Skeleton adds the files that every Linux host has and programs look for.
func Skeleton(t *Tree, hostname string) {
	for _, dir := range []string{"/proc", "/sys", "/dev", "/run", "/etc", "/bin", "/sbin", "/lib", "/home/user", "/usr/bin", "/usr/sbin",
		"/usr/local/bin", "/usr/local/sbin", "/var/lib", "/var/log", "/mnt"} {
		t.Dir(dir, 0o755)
	}
	t.Dir("/root", 0o700)
	t.Dir("/tmp", 0o777)
	t.Dir("/var/tmp", 0o777)
	for name, text := range map[string]string{
		"/etc/passwd": "root:x:0:0:root:/root:/bin/sh\n" +
			"daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n" +
			"user:x:1000:1000:User:/home/user:/bin/sh\n" +
			"nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
		"/etc/group":      "root:x:0:\ndaemon:x:1:\ntty:x:5:\nuser:x:1000:\nnogroup:x:65534:\n",
		"/etc/hostname":   hostname + "\n",
		"/etc/hosts":      "127.0.0.1 localhost " + hostname + "\n::1 localhost\n",
		"/etc/machine-id": "5e4503a1f00d4b6c8e2f1a7b9c3d5e7f\n",
		"/etc/os-release": "ID=sensor-vm\nNAME=\"Sensor test VM\"\nPRETTY_NAME=\"Sensor test VM\"\nVERSION_ID=\"1\"\n",
	} {
		t.File(name, 0o644, []byte(text))
	}
}

// AddConfig adds init's configuration.
func AddConfig(t *Tree, cfg *guest.Config) error {
	b, err := json.Marshal(cfg)
	if err != nil {
		return fmt.Errorf("encode config: %w", err)
	}
	t.File(guest.ConfigPath, 0o600, b)
	return nil
}
