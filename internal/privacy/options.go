// SPDX-License-Identifier: Apache-2.0

package privacy

// optionRow is long options, of any program, that have a secret as the next
// word. With the value after = the name alone decides; see names.
type optionRow struct {
	value part
	names []string // folded, without the dashes
}

func optionTable() []optionRow {
	return []optionRow{
		{wholeOrNone, []string{"password", "passwd", "pass"}}, // clients ask for the password when it is left out
		{whole, []string{
			"token", "auth-token", "access-token", "api-token", "private-token",
			"secret", "client-secret", "secret-key", "access-key", "secret-access-key",
			"api-key", "apikey", "passphrase",
			"http-password", "ftp-password", "proxy-password", "oauth2-bearer",
		}},
	}
}

// passOptionTable has openssl's options, with their dash.
func passOptionTable() []string { return []string{"-pass", "-passin", "-passout"} }

// options are the options that mean the same to every program.
type options struct {
	long map[string]part // by folded name
	pass map[string]bool
}

func newOptions() options {
	o := options{long: map[string]part{}, pass: set(passOptionTable())}
	for _, row := range optionTable() {
		for _, name := range row.names {
			o.long[name] = row.value
		}
	}
	return o
}

// next tells what the word after the option holds.
func (o *options) next(option string) part {
	if o.pass[option] {
		return afterPass
	}
	var b foldBuffer
	return o.long[string(fold(&b, trimDashes(option)))]
}
