// SPDX-License-Identifier: Apache-2.0

package privacy

import "strings"

// In the examples ␀ stands between arguments and ⟨⟩ around what must be masked.

// packExample gives the packed vector of an example and what must become of it.
func packExample(example string) (in, want string) {
	packed := strings.ReplaceAll(example, "␀", "\x00") + "\x00"
	in = strings.NewReplacer("⟨", "", "⟩", "").Replace(packed)
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(packed, "⟨")
		b.WriteString(before)
		if !found {
			return in, b.String()
		}
		b.WriteString(mask)
		_, packed, _ = strings.Cut(rest, "⟩")
	}
}

// maskedArgs are vectors with secrets.
func maskedArgs() []string {
	return []string{
		// Long options; TestOptionRows has one of each row.
		"tool␀--password=⟨V⟩",
		"tool␀--password␀⟨V⟩␀file",
		"tool␀--password=⟨two words; and 'more⟩",
		"tool␀--password=\"⟨V⟩\"",
		"tool␀--token␀⟨-V1x⟩",
		"tool␀--Api_Key=⟨V⟩␀--apiKey␀⟨V⟩",
		"tool␀-token␀⟨V⟩",
		"tool␀-token=⟨V⟩",
		"tool␀--password␀--token␀⟨V⟩",
		"tool␀--db-password=⟨V⟩",
		"tool␀--env=DB_PASSWORD=⟨V⟩",
		"java␀-Dspring.datasource.password=⟨V⟩␀-Djavax.net.ssl.keyStorePassword=⟨V⟩␀-jar␀x.jar",
		"openssl␀rsa␀-passin␀pass:⟨V⟩␀-passout␀pass:⟨V:W⟩",
		"openssl␀enc␀-aes-256-cbc␀-pass␀pass:⟨V⟩",

		// Options of programs; TestProgramRows has one of each row.
		"mysql␀-u␀root␀-p⟨V⟩␀db",
		"mysql␀-p⟨two words⟩␀db",
		"/usr/bin/mysqldump␀-uroot␀-p⟨V⟩",
		"mariadb-dump␀-p⟨V⟩",
		"sshpass␀-p␀⟨V⟩␀ssh␀host",
		"sshpass␀-vp⟨V⟩␀ssh␀host",
		"sshpass␀-p␀⟨V⟩␀mysql␀-p⟨V⟩",
		"curl␀-u␀user:⟨V⟩␀http://x",
		"curl␀-uuser:⟨V:W⟩␀http://x",
		"curl␀-sSfu␀user:⟨V⟩␀http://x",
		"curl␀--user=user:⟨V⟩␀--proxy-user␀p:⟨V⟩",
		"redis-cli␀-h␀host␀-a␀⟨V⟩␀ping",
		"ldapsearch␀-x␀-D␀cn=admin␀-w␀⟨V⟩␀-b␀dc=x",
		"ldapsearch␀-xw⟨V⟩",
		"smbclient␀//host/share␀-U␀DOM\\user%⟨V⟩",
		"sh␀-c␀TOKEN=⟨V⟩␀x",
		"-bash␀-c␀mysql -p⟨V⟩",

		// Carried commands; TestCarrierRows has one of each row.
		"sudo␀-u␀root␀mysql␀-p⟨V⟩",
		"sudo␀-E␀A=b␀mysql␀-p⟨V⟩",
		"env␀-i␀A=b␀mysql␀-p⟨V⟩",
		"sudo␀docker␀exec␀-it␀db␀mysql␀-uroot␀-p⟨V⟩",
		"kubectl␀exec␀-n␀ns␀pod␀--␀mysql␀-p⟨V⟩",
		"docker␀run␀-e␀DB_PASSWORD=⟨V W⟩␀-eMYSQL_ROOT_PASSWORD=⟨V⟩␀image",
		"ssh␀-p␀22␀host␀mysql␀-p⟨V⟩",
		"find␀.␀-name␀*.sql␀-exec␀mysql␀-p⟨V⟩␀{}␀;",

		// NAME=VALUE.
		"env␀DB_PASSWORD=⟨two words⟩␀cmd",
		"make␀GITHUB_TOKEN=⟨V⟩␀all",
		"python␀-c␀import x; x.connect(user='u', password=⟨'V W')⟩",
		"psql␀host=x user=y password=⟨V⟩ dbname=z",
		"tool␀Server=x;Password=⟨V⟩;Database=y",
		"mount␀-o␀username=a,password=⟨V⟩",
		"npm␀config␀set␀//registry.npmjs.org/:_authToken=⟨V⟩",

		// URLs.
		"git␀clone␀https://user:⟨V⟩@host/repo.git",
		"psql␀postgres://user:⟨p@ss⟩@host:5432/db",
		"tool␀redis://:⟨V⟩@host",
		"tool␀http://user:⟨p/a#s?s⟩@host/",
		"tool␀mongodb://u:⟨V⟩@h1:1,h2:2/db",
		"tool␀a=http://u:⟨V⟩@h,http://u:⟨V⟩@h",
		"tool␀http://h/?a=1&token=⟨V⟩&b=2",
		"tool␀http://h/?access_token=⟨V⟩#top",
		"tool␀http://h/?password=⟨V⟩&api_key=⟨V⟩&signature=⟨V⟩",
		"tool␀https://s3/x?X-Amz-Date=1&X-Amz-Signature=⟨V⟩",
		"tool␀http://h/#access_token=⟨V⟩",
		"curl␀-d␀user=a&password=⟨V⟩&b=c␀http://x",

		// Headers; TestHeaderRows has one of each row.
		"curl␀-H␀Authorization: Bearer ⟨V⟩␀http://x",
		"curl␀-H␀authorization: basic ⟨V==⟩",
		"curl␀-HX-Api-Key: ⟨V⟩",
		"curl␀--header=Cookie: ⟨a=\"b c\"; d=e⟩",
		"curl␀-H␀Authorization: ⟨V⟩",
		"http␀x␀Authorization:Bearer ⟨V⟩",
		"wget␀--header␀Accept: x\r\nCookie: ⟨a=b⟩\r\nHost: y",

		// JSON.
		`curl␀-d␀{"user":"u","password":"⟨V⟩"}`,
		`curl␀-d␀{"password" : "⟨a\"b⟩", "x": 1}`,
		`curl␀-d␀{'password': '⟨it\'s⟩'}`,
		`curl␀-d␀{"api_key":⟨12345⟩,"x":{"clientSecret":"kept","client_secret":"⟨V⟩"}}`,
		`curl␀-d␀{"headers":{"Authorization":"⟨Bearer V⟩"}}`,
	}
}

// maskedScripts are shell text with secrets.
func maskedScripts() []string {
	return []string{
		`mysql -u root -p⟨V⟩ db && curl -u a:⟨V⟩ http://x`,
		`cd /tmp;mysql -p⟨V⟩;ls|sudo mysql -p⟨V⟩|cat&mysql -p⟨V⟩`,
		"set -e\nmysql -p⟨V⟩\nmysql \\\n -p⟨V⟩ db",
		`PGPASSWORD=⟨V⟩ psql -h host -U user`,
		`A=b PGPASSWORD='⟨V W⟩' psql -h host; export GITHUB_TOKEN="⟨V⟩"`,
		`mysql -p'⟨V W⟩' db`,
		`mysql "-p⟨V W⟩" db`,
		`mysql -p⟨V\ W⟩ db`,
		`tool --password="⟨V;W⟩" --token '⟨V W⟩' x`,
		`curl -u 'a:⟨V W⟩' -H 'Authorization: Bearer ⟨V⟩' -H "Cookie: ⟨a=b; c=d⟩" http://x`,
		`curl -u'a:⟨V W⟩' -u "a:"'⟨V W⟩' http://x`,
		`docker run --env='DB_PASSWORD=⟨V W⟩' -e"DB_PASSWORD=⟨V W⟩" image`,
		`sh -c 'TOKEN=⟨V⟩'; helm --set="a=b",c="d",password=⟨V⟩`,
		`curl -H X-Api-Key:⟨V⟩ http://x`,
		`curl --data '{"password":"⟨V⟩"}' http://x`,
		`curl -d "{\"password\":\"⟨V⟩\"}" -H "Accept: x"`,
		`curl -d a\"b"x y\"z; mysql -p⟨V⟩" http://x`,
		`curl -d \"{\"password\":\"⟨V⟩\"}\"`,
		`curl https://u:⟨V⟩@h/x?token=⟨V⟩ 'http://h/?a=b&token=⟨V⟩'`,
		`TOKEN=$(curl -su a:⟨V⟩ http://x) tool`,
		"X=`mysql -p⟨V⟩`; Y=\"$(mysql -p⟨V⟩)\"",
		`diff <(mysql -p⟨V⟩) <(mysql -p⟨V⟩) || (mysql -p⟨V⟩)`,
		`if ! mysql -p⟨V⟩; then mysql -p⟨V⟩; fi; for i in 1; do mysql -p⟨V⟩; done; { mysql -p⟨V⟩; }`,
		`ssh host 'mysql -p⟨V⟩'; bash -c "PGPASSWORD=⟨V⟩ psql -c 'select 1'"`,
		`ssh a "ssh b 'mysql -p⟨V⟩ db'"`,
		"# don't\nmysql -p'⟨a b⟩' c",
		"# mysql -p⟨V⟩",
		`echo don't; mysql -p⟨V⟩`,
	}
}

// keptArgs are vectors that must stay as they are.
func keptArgs() []string {
	return []string{
		"",
		"ls␀-la␀/tmp",
		"ls␀pa",
		"mysql␀-u␀root␀-p␀db",
		"mysql␀-P␀3306␀-P3306␀-h␀x",
		"mysql␀--password␀-h␀host",
		"mysql␀--password=␀db",
		"mysql␀-p[redacted]␀--password=[redacted]",
		"mkdir␀-pv␀/var/lib/mysql",
		"ssh␀-p22␀mysql",
		"ls␀mysql␀-pV",
		"sudo␀-u␀mysql␀mkdir␀-pv␀/x",
		"docker␀run␀--name␀mysql␀-p3306:3306␀image",
		"docker␀exec␀mysql␀mkdir␀-pv␀/x",
		"docker␀build␀-t␀mysql␀-pV",
		"find␀/␀-name␀mysql␀-perm␀644",
		"curl␀-u␀user␀http://host:8080/a@b",
		"curl␀-o␀user:file␀-sS␀http://x",
		"curl␀-Lou␀a:b",
		"tar␀-u␀a:b␀-a␀x␀-w␀y",
		"openssl␀rsa␀-passin␀env:VAR␀-passout␀file:/x␀-pass␀stdin",
		"smbclient␀-U␀user␀//h/s",
		"tool␀--password-file=/run/x␀--password-file␀/run/x␀--token-type=bearer␀--password-stdin␀x",
		"tool␀--tokens=5␀--max-tokens␀5␀--bypass=1␀--secrets-dir␀/x",
		"tool␀--pass",
		"gcc␀-DTOKENS=5␀-DTOKEN=5␀-o␀token.o␀token.c␀-lpasswd",
		"env␀SSH_AUTH_SOCK=/x␀XAUTHORITY=/x␀GPG_KEY=ABC␀TOKENIZERS_PARALLELISM=true␀KEYMAP=us␀PASSENGER_ROOT=/x␀PWD=/x",
		"vim␀/etc/passwd␀secret.txt␀token",
		"git␀clone␀git@github.com:org/repo.git␀ssh://git@github.com/org/repo␀git+ssh://git@h:org/r",
		"curl␀http://user@host/␀http://[::1]:80/a@b␀http://h:80/?x=y:z@w␀://a:b@c",
		"curl␀http://user:@host/",
		"curl␀http://h/?tokenize=1&key=2&sign=3␀a?b=c",
		"curl␀-H␀Accept: text/html␀-H␀X-Request-Id: 1",
		`tool␀password":"V"␀"pass word":"V"␀{"password": `,
		`curl␀-d␀{"passenger":"x","password":null,"token":{"a":1},"secret":""}`,
		"git␀commit␀-m␀fix password: do not ask for the token twice, it's a \"secret\"",
		"sh␀-c␀mysql -u root -p db; echo $HOME && ls -la | grep 'a b' > /dev/null 2>&1",
		"sh␀-c␀echo mysql; ls -pV; echo \"mysql\" -pV",
		"sh␀-c␀'",
		"sh␀-c␀\"\\",
		"x␀\xff\xfe=\xff://\xff:\xff",
	}
}

// maskedEnv are environments with secrets.
func maskedEnv() []string {
	return []string{
		"HOME=/x␀DB_PASSWORD=⟨two words⟩␀LANG=C",
		"PASSWORD=⟨V⟩␀MY_PASSWD_2=⟨V⟩␀PASS=⟨V⟩␀APP_SECRET_X=⟨V⟩␀token=⟨V⟩␀X_APIKEY=⟨V⟩",
		"OPENAI_API_KEY=⟨V⟩␀AWS_ACCESS_KEY_ID=⟨V⟩␀SSH_PRIVATE_KEY_DATA=⟨-----BEGIN\nx⟩",
		"PGPASSWORD=⟨V⟩␀MYSQL_PWD=⟨V⟩␀REDISCLI_AUTH=⟨V⟩␀SSHPASS=⟨V⟩",
		"DATABASE_URL=postgres://u:⟨V⟩@h/db␀JAVA_OPTS=-Xmx1g -Da.password=⟨V⟩ -Db=c",
		"CMD=mysql -p⟨V⟩ db␀CONFIG={\"password\":\"⟨V⟩\"}",
		"mysql://u:⟨V⟩@h",
	}
}

// keptEnv are environments that must stay as they are.
func keptEnv() []string {
	return []string{
		"SSH_AUTH_SOCK=/tmp/x␀XAUTHORITY=/x␀GPG_KEY=ABC␀TOKENIZERS_PARALLELISM=true␀KEYMAP=us␀PASSENGER_ROOT=/x",
		"PATH=/usr/bin:/bin␀PWD=/x␀OLDPWD=/y␀LS_COLORS=*.tar=01;31:*.mysql=1␀DB_PASSWORD=␀noequals",
		"PASSWORD=[redacted]",
		"=PASSWORD␀==",
	}
}
