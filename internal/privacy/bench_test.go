// SPDX-License-Identifier: Apache-2.0

package privacy

import (
	"fmt"
	"strings"
	"testing"
)

// benchVectors are vectors by what they cost. Only the last has a secret.
func benchVectors() []struct{ name, packed string } {
	var java strings.Builder
	java.WriteString("/usr/lib/jvm/java-21-openjdk/bin/java\x00-Xms4g\x00-Xmx4g\x00-XX:+UseG1GC\x00-XX:MaxGCPauseMillis=200\x00")
	for i := range 20 {
		fmt.Fprintf(&java, "-Dorg.apache.hadoop.component%d.bind.address=0.0.0.0:%d\x00", i, 8000+i)
	}
	java.WriteString("-cp\x00")
	for i := range 26 {
		fmt.Fprintf(&java, "/opt/app/lib/commons-component%d-3.14.%d-SNAPSHOT.jar:", i, i)
	}
	java.WriteString("\x00org.example.Main\x00--config\x00/etc/app/app.yaml\x00")
	gcc := "gcc -std=gnu17 -O2 -g -pipe -Wall -Wextra -Werror=format-security -fstack-protector-strong -DNDEBUG " +
		"-D_FORTIFY_SOURCE=2 -I/usr/include/glib-2.0 -I../include -MMD -MF build/main.d -c -o build/main.o src/main.c "
	return []struct{ name, packed string }{
		{"ls", "ls\x00-la\x00/tmp\x00"},
		{"java", java.String()},
		{"java_candidate", java.String() + "-Djavax.net.ssl.keyStore=/etc/app/key.jks\x00"},
		{"gcc", strings.ReplaceAll(gcc, " ", "\x00")},
		{"gcc_candidate", strings.ReplaceAll(gcc, " ", "\x00") + "-I/opt/curl/include\x00"},
		{"script", "sh\x00-c\x00mysql -u root -ps3cr3t db && curl -u a:s3cr3t http://x\x00"},
	}
}

func BenchmarkArgs(b *testing.B) {
	r := New()
	for _, v := range benchVectors() {
		b.Run(v.name, func(b *testing.B) {
			b.SetBytes(int64(len(v.packed)))
			b.ReportAllocs()
			for b.Loop() {
				r.Args(v.packed)
			}
		})
	}
}
