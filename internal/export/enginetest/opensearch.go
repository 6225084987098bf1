// SPDX-License-Identifier: Apache-2.0

package enginetest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

const openSearchVersion = "2.19.6"

// module is a part of OpenSearch that its small distribution lacks, and that Maven Central has as its bare programs.
type module struct {
	name, class, extends string
	jars                 []artifact
	policy               string // what its programs may do, beside what all may
}

func openSearchModules() []module {
	own := func(group, name string) artifact { return artifact{group, name, openSearchVersion, "jar"} }
	painless := []artifact{
		own("org.opensearch.plugin", "lang-painless"), own("org.opensearch.plugin", "opensearch-scripting-painless-spi"),
		{"org.antlr", "antlr4-runtime", "4.13.1", "jar"},
	}
	for _, name := range []string{"asm", "asm-analysis", "asm-commons", "asm-tree", "asm-util"} {
		painless = append(painless, artifact{"org.ow2.asm", name, "9.7", "jar"})
	}
	const loaders = `permission java.lang.RuntimePermission "createClassLoader"; permission java.lang.RuntimePermission "getClassLoader";`
	return []module{
		{"lang-painless", "org.opensearch.painless.PainlessPlugin", "", painless, loaders},
		{"ingest-common", "org.opensearch.ingest.common.IngestCommonPlugin", "lang-painless", []artifact{
			own("org.opensearch.plugin", "ingest-common"), own("org.opensearch", "opensearch-grok"), own("org.opensearch", "opensearch-dissect"),
			{"org.jruby.joni", "joni", "2.2.1", "jar"}, {"org.jruby.jcodings", "jcodings", "1.0.61", "jar"},
		}, ""},
		{"lang-mustache", "org.opensearch.script.mustache.MustachePlugin", "", []artifact{
			own("org.opensearch.plugin", "lang-mustache-client"), {"com.github.spullara.mustache.java", "compiler", "0.9.14", "jar"},
		}, loaders + ` permission java.lang.RuntimePermission "accessDeclaredMembers"; permission java.lang.reflect.ReflectPermission "suppressAccessChecks";`},
		{"mapper-extras", "org.opensearch.index.mapper.MapperExtrasPlugin", "", []artifact{
			own("org.opensearch.plugin", "mapper-extras-client"),
		}, ""},
	}
}

// lay moves the module's programs below the engine's home and describes them.
func (m module) lay(lib, home string) error {
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
`, m.name, openSearchVersion, m.class, m.extends)}
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
func opensearch() product {
	distribution := artifact{"org.opensearch.distribution.integ-test-zip", "opensearch", openSearchVersion, "zip"}
	artifacts := []artifact{distribution}
	for _, m := range openSearchModules() {
		artifacts = append(artifacts, m.jars...)
	}
	return product{
		name: OpenSearch, version: openSearchVersion, revision: 1,
		artifacts: artifacts,
		lay: func(lib, home string) error {
			if err := unzip(filepath.Join(lib, distribution.file()), "opensearch-"+openSearchVersion+"/", home); err != nil {
				return err
			}
			for _, m := range openSearchModules() {
				if err := m.lay(lib, home); err != nil {
					return err
				}
			}
			return os.Mkdir(filepath.Join(home, "plugins"), 0o755) // it would make it, and may not
		},
		java:   [2]int{17, 23}, // later ones have no security manager
		config: func(string) map[string]string { return map[string]string{} },
		command: func(home, dir string) (args, env []string) {
			return slices.Concat(heap, []string{
				"-Djava.security.manager=allow",
				"-Djava.io.tmpdir=" + filepath.Join(dir, "tmp"),
				"-Djava.awt.headless=true",
				"-Dfile.encoding=UTF-8",
				"-Djna.nosys=true",
				"-Dio.netty.noUnsafe=true",
				"-Dio.netty.noKeySetOptimization=true",
				"-Dio.netty.recycler.maxCapacityPerThread=0",
				"-Dlog4j.shutdownHookEnabled=false",
				"-Dlog4j2.disable.jmx=true",
				"-Djava.locale.providers=SPI,COMPAT",
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
