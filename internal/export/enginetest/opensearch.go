// SPDX-License-Identifier: Apache-2.0

package enginetest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// release is a version of OpenSearch with what its modules need.
type release struct {
	version            string
	asm, joni, codings string
	suffix             string // of the names of the modules' classes
	java               [2]int
	options            func(home string) []string // of Java
}

// module is a part of OpenSearch that its small distribution lacks, and that Maven Central has as its bare programs.
type module struct {
	name, class, extends string
	jars                 []artifact
	policy               string // what its programs may do, beside what all may
}

func (r release) modules() []module {
	own := func(group, name string) artifact { return artifact{group, name, r.version, "jar"} }
	painless := []artifact{
		own("org.opensearch.plugin", "lang-painless"), own("org.opensearch.plugin", "opensearch-scripting-painless-spi"),
		{"org.antlr", "antlr4-runtime", "4.13.1", "jar"},
	}
	for _, name := range []string{"asm", "asm-analysis", "asm-commons", "asm-tree", "asm-util"} {
		painless = append(painless, artifact{"org.ow2.asm", name, r.asm, "jar"})
	}
	const loaders = `permission java.lang.RuntimePermission "createClassLoader"; permission java.lang.RuntimePermission "getClassLoader";`
	return []module{
		{"lang-painless", "org.opensearch.painless.Painless" + r.suffix, "", painless, loaders},
		{"ingest-common", "org.opensearch.ingest.common.IngestCommon" + r.suffix, "lang-painless", []artifact{
			own("org.opensearch.plugin", "ingest-common"), own("org.opensearch", "opensearch-grok"), own("org.opensearch", "opensearch-dissect"),
			{"org.jruby.joni", "joni", r.joni, "jar"}, {"org.jruby.jcodings", "jcodings", r.codings, "jar"},
		}, ""},
		{"lang-mustache", "org.opensearch.script.mustache.Mustache" + r.suffix, "", []artifact{
			own("org.opensearch.plugin", "lang-mustache-client"), {"com.github.spullara.mustache.java", "compiler", "0.9.14", "jar"},
		}, loaders + ` permission java.lang.RuntimePermission "accessDeclaredMembers"; permission java.lang.reflect.ReflectPermission "suppressAccessChecks";`},
		{"mapper-extras", "org.opensearch.index.mapper.MapperExtras" + r.suffix, "", []artifact{
			own("org.opensearch.plugin", "mapper-extras-client"),
		}, ""},
	}
}

// lay moves the module's programs below the home of an engine of that version, and describes them.
func (m module) lay(lib, home, version string) error {
	dir := filepath.Join(home, "modules", m.name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("lay module %s: %w", m.name, err)
	}
	for _, jar := range m.jars {
		if err := os.Rename(filepath.Join(lib, jar.file()), filepath.Join(dir, jar.file())); err != nil {
			return fmt.Errorf("lay module %s: %w", m.name, err)
		}
	}
	files := map[string]string{"plugin-descriptor.properties": fmt.Sprintf(`name=%[1]s
description=%[1]s
version=%[2]s
opensearch.version=%[2]s
java.version=11
classname=%[3]s
extended.plugins=%[4]s
has.native.controller=false
`, m.name, version, m.class, m.extends)}
	if m.policy != "" {
		files["plugin-security.policy"] = "grant { " + m.policy + " };\n"
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return fmt.Errorf("lay module %s: %w", m.name, err)
		}
	}
	return nil
}

// opensearch is the distribution that plugins are tested with, and the modules that the sensor's templates and pipelines need.
// It lacks index state management: that plugin is not in Maven Central.
func opensearch(r release) product {
	distribution := artifact{"org.opensearch.distribution.integ-test-zip", "opensearch", r.version, "zip"}
	artifacts := []artifact{distribution}
	for _, m := range r.modules() {
		artifacts = append(artifacts, m.jars...)
	}
	return product{
		name: OpenSearch, version: r.version, revision: 1,
		artifacts: artifacts,
		lay: func(lib, home string) error {
			if err := unzip(filepath.Join(lib, distribution.file()), "opensearch-"+r.version+"/", home); err != nil {
				return err
			}
			for _, m := range r.modules() {
				if err := m.lay(lib, home, r.version); err != nil {
					return err
				}
			}
			return os.Mkdir(filepath.Join(home, "plugins"), 0o755) // it would make it, and may not
		},
		java:   r.java,
		config: func(string) map[string]string { return map[string]string{} },
		command: func(_, home, dir string) (args, env []string) {
			return slices.Concat(heap, r.options(home), []string{
				"-Djava.io.tmpdir=" + filepath.Join(dir, "tmp"),
				"-Djava.awt.headless=true",
				"-Dfile.encoding=UTF-8",
				"-Djna.nosys=true",
				"-Dio.netty.noUnsafe=true",
				"-Dio.netty.noKeySetOptimization=true",
				"-Dio.netty.recycler.maxCapacityPerThread=0",
				"-Dlog4j.shutdownHookEnabled=false",
				"-Dlog4j2.disable.jmx=true",
				"-Dopensearch.networkaddress.cache.ttl=60",
				"-Dopensearch.networkaddress.cache.negative.ttl=10",
				"-Dopensearch.path.home=" + home,
				"-Dopensearch.path.conf=" + filepath.Join(dir, "config"),
				"-Dopensearch.distribution.type=zip",
				"-Dopensearch.bundled_jdk=false",
				"-cp", filepath.Join(home, "lib", "*"),
				"org.opensearch.bootstrap.OpenSearch",
			}), nil
		},
	}
}

func opensearch2() product {
	return opensearch(release{
		version: "2.19.6", asm: "9.7", joni: "2.2.1", codings: "1.0.61", suffix: "Plugin",
		java: [2]int{17, 23}, // later ones have no security manager
		options: func(string) []string {
			return []string{"-Djava.security.manager=allow", "-Djava.locale.providers=SPI,COMPAT"}
		},
	})
}

func opensearch3() product {
	return opensearch(release{
		version: "3.6.0", asm: "9.9.1", joni: "2.2.7", codings: "1.0.64", suffix: "ModulePlugin",
		java: [2]int{21, 25},
		options: func(home string) []string {
			return []string{"-javaagent:" + filepath.Join(home, "agent", "opensearch-agent.jar")}
		},
	})
}
