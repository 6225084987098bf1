// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"slices"
	"strings"

	"github.com/elastic/go-libaudit/v2/auparse"

	"sensor/internal/events"
)

// A teller says what it means that a record of some type was written: the words
// that Auditbeat has for it, and whom it names.
type teller struct {
	category, types []string
	action          string
	names           naming
}

// kind is what an event of these words is about.
func (t *teller) kind() events.Kind {
	for _, k := range [...]events.Kind{events.KindAuthentication, events.KindSession, events.KindIAM, events.KindConfiguration} {
		if slices.Contains(t.category, k.Traits().Category) {
			return k
		}
	}
	return events.KindAudit
}

// tellerOf is the teller of a record. Some types say different things.
func tellerOf(s *statement) teller {
	t := tellers[s.record.RecordType]
	switch s.record.RecordType {
	case auparse.AUDIT_AVC:
		switch {
		case s.get("apparmor") != "":
			return appArmor(s)
		case s.get("seresult") == "granted":
			return tellers[auparse.AUDIT_USER_AVC]
		}
	case auparse.AUDIT_APPARMOR_DENIED, auparse.AUDIT_APPARMOR_ALLOWED, auparse.AUDIT_APPARMOR_STATUS, auparse.AUDIT_APPARMOR_AUDIT,
		auparse.AUDIT_APPARMOR_ERROR, auparse.AUDIT_APPARMOR_HINT, auparse.AUDIT_APPARMOR_KILL:
		return appArmor(s)
	case auparse.AUDIT_USER_ACCT: // gpasswd writes that it has changed a group as if somebody had been let in
		if strings.HasSuffix(s.get("exe"), "/gpasswd") {
			return tellers[auparse.AUDIT_GRP_MGMT]
		}
	}
	return t
}

// appArmor is the teller of what AppArmor has written, under whatever type.
func appArmor(s *statement) teller {
	switch s.get("apparmor") {
	case "DENIED", "ALLOWED", "KILLED":
		return teller{action: "violated-apparmor-policy"}
	case "AUDIT":
		return tellers[auparse.AUDIT_USER_AVC]
	case "STATUS":
		if strings.HasPrefix(s.get("operation"), "profile_") {
			return tellers[auparse.AUDIT_USER_MAC_POLICY_LOAD]
		}
	}
	return teller{}
}

var (
	authentication = []string{"authentication"}
	configuration  = []string{"configuration"}
	driver         = []string{"driver"}
	host           = []string{"host"}
	iam            = []string{"iam"}
	network        = []string{"network"}
	process        = []string{"process"}
	session        = []string{"session"}
	both           = []string{"process", "configuration"}

	anomaly      = []string{"intrusion_detection"}
	loginAnomaly = []string{"authentication", "intrusion_detection"}
	fileAnomaly  = []string{"file", "intrusion_detection"}
	iamAnomaly   = []string{"iam", "intrusion_detection"}
	runAnomaly   = []string{"process", "intrusion_detection"}

	access = []string{"access"}
	change = []string{"change"}
	end    = []string{"end"}
	info   = []string{"info"}
	start  = []string{"start"}

	denied     = []string{"start", "denied"}
	connection = []string{"connection", "start"}
	closed     = []string{"connection", "end"}

	userChange, userCreation, userDeletion, userInfo = []string{"user", "change"}, []string{"user", "creation"}, []string{"user", "deletion"}, []string{"user", "info"}
	groupChange, groupCreation, groupDeletion        = []string{"group", "change"}, []string{"group", "creation"}, []string{"group", "deletion"}
)

// tellers are the types of records that say something by themselves. Of one that
// is not here, nobody has words for it. The lists are shared, and never changed.
var tellers = map[auparse.AuditMessageType]teller{
	auparse.AUDIT_USER_AUTH:   {authentication, info, "authenticated", namesEffective},
	auparse.AUDIT_USER_ACCT:   {authentication, info, "was-authorized", namesEffective},
	auparse.AUDIT_USER_ERR:    {authentication, info, "error", namesEffective},
	auparse.AUDIT_USER_LOGIN:  {authentication, start, "logged-in", namesEffective},
	auparse.AUDIT_USER_LOGOUT: {authentication, end, "logged-out", namesEffective},
	auparse.AUDIT_CRED_ACQ:    {authentication, info, "acquired-credentials", namesEffective},
	auparse.AUDIT_CRED_REFR:   {authentication, info, "refreshed-credentials", namesEffective},
	auparse.AUDIT_CRED_DISP:   {authentication, info, "disposed-credentials", namesEffective},
	auparse.AUDIT_GRP_AUTH:    {authentication, info, "authenticated-to-group", namesGroup},
	auparse.AUDIT_LOGIN:       {authentication, start, "changed-login-id-to", namesNobody},
	auparse.AUDIT_USER_START:  {session, start, "started-session", namesEffective},
	auparse.AUDIT_USER_END:    {session, end, "ended-session", namesEffective},

	auparse.AUDIT_ADD_USER:       {iam, userCreation, "added-user-account", namesTarget},
	auparse.AUDIT_DEL_USER:       {iam, userDeletion, "deleted-user-account", namesTarget},
	auparse.AUDIT_USER_MGMT:      {iam, userChange, "modified-user-account", namesTarget},
	auparse.AUDIT_USER_CHAUTHTOK: {iam, userChange, "changed-password", namesTarget},
	auparse.AUDIT_ACCT_LOCK:      {iam, userInfo, "locked-account", namesTarget},
	auparse.AUDIT_ACCT_UNLOCK:    {iam, userInfo, "unlocked-account", namesTarget},
	auparse.AUDIT_ADD_GROUP:      {iam, groupCreation, "added-group-account-to", namesGroup},
	auparse.AUDIT_DEL_GROUP:      {iam, groupDeletion, "deleted-group-account-from", namesGroup},
	auparse.AUDIT_GRP_MGMT:       {iam, groupChange, "modified-group-account", namesGroup},
	auparse.AUDIT_GRP_CHAUTHTOK:  {iam, groupChange, "changed-group-password", namesGroup},
	auparse.AUDIT_ROLE_ASSIGN:    {iam, userChange, "assigned-user-role-to", namesTarget},
	auparse.AUDIT_ROLE_REMOVE:    {iam, userChange, "removed-user-role-from", namesTarget},
	auparse.AUDIT_ROLE_MODIFY:    {iam, change, "modified-role", namesNobody},

	auparse.AUDIT_CONFIG_CHANGE:          {both, change, "changed-audit-configuration", namesNobody},
	auparse.AUDIT_DAEMON_CONFIG:          {both, change, "changed-auditd-configuration", namesNobody},
	auparse.AUDIT_DAEMON_RECONFIG:        {both, info, "reconfigured-auditd", namesNobody},
	auparse.AUDIT_USYS_CONFIG:            {configuration, change, "changed-configuration", namesNobody},
	auparse.AUDIT_NETFILTER_CFG:          {configuration, change, "loaded-firewall-rule-to", namesNobody},
	auparse.AUDIT_FEATURE_CHANGE:         {configuration, change, "changed-audit-feature", namesNobody},
	auparse.AUDIT_MAC_CONFIG_CHANGE:      {configuration, change, "changed-selinux-boolean", namesNobody},
	auparse.AUDIT_MAC_STATUS:             {configuration, change, "changed-selinux-enforcement", namesNobody},
	auparse.AUDIT_MAC_POLICY_LOAD:        {configuration, access, "loaded-selinux-policy", namesNobody},
	auparse.AUDIT_USER_MAC_CONFIG_CHANGE: {configuration, change, "changed-mac-configuration", namesNobody},
	auparse.AUDIT_USER_MAC_POLICY_LOAD:   {configuration, access, "loaded-mac-policy", namesNobody},

	auparse.AUDIT_AVC:                {nil, nil, "violated-selinux-policy", namesNobody},
	auparse.AUDIT_USER_AVC:           {nil, nil, "access-permission", namesNobody},
	auparse.AUDIT_USER_SELINUX_ERR:   {nil, nil, "access-error", namesNobody},
	auparse.AUDIT_SELINUX_ERR:        {nil, nil, "caused-mac-policy-error", namesNobody},
	auparse.AUDIT_MAC_CHECK:          {nil, nil, "mac-permission", namesNobody},
	auparse.AUDIT_DAC_CHECK:          {nil, nil, "access-result", namesNobody},
	auparse.AUDIT_FS_RELABEL:         {nil, nil, "relabeled-filesystem", namesNobody},
	auparse.AUDIT_LABEL_LEVEL_CHANGE: {nil, nil, "modified-level-of", namesNobody},
	auparse.AUDIT_LABEL_OVERRIDE:     {nil, nil, "overrode-label-of", namesNobody},
	auparse.AUDIT_USER_ROLE_CHANGE:   {nil, nil, "changed-role-to", namesNobody},
	auparse.AUDIT_SECCOMP:            {process, info, "violated-seccomp-policy", namesNobody},

	auparse.AUDIT_USER_CMD:      {process, start, "ran-command", namesNobody},
	auparse.AUDIT_CHGRP_ID:      {process, change, "changed-group", namesNobody},
	auparse.AUDIT_CHUSER_ID:     {process, change, "changed-user-id", namesNobody},
	auparse.AUDIT_TEST:          {process, info, "sent-test", namesNobody},
	auparse.AUDIT_TRUSTED_APP:   {process, info, "unknown", namesNobody},
	auparse.AUDIT_SERVICE_START: {process, start, "started-service", namesNobody},
	auparse.AUDIT_SERVICE_STOP:  {process, end, "stopped-service", namesNobody},
	auparse.AUDIT_TTY:           {nil, nil, "typed", namesNobody},
	auparse.AUDIT_USER_TTY:      {nil, nil, "typed", namesNobody},
	auparse.AUDIT_USER:          {nil, nil, "sent-message", namesNobody},
	auparse.AUDIT_KERN_MODULE:   {driver, start, "loaded-kernel-module", namesNobody},

	auparse.AUDIT_DAEMON_START:  {process, start, "started-audit", namesNobody},
	auparse.AUDIT_DAEMON_END:    {process, end, "shutdown-audit", namesNobody},
	auparse.AUDIT_DAEMON_ABORT:  {process, end, "aborted-auditd-startup", namesNobody},
	auparse.AUDIT_DAEMON_ERR:    {process, info, "audit-error", namesNobody},
	auparse.AUDIT_DAEMON_RESUME: {process, change, "resumed-audit-logging", namesNobody},
	auparse.AUDIT_DAEMON_ROTATE: {process, change, "rotated-audit-logs", namesNobody},
	auparse.AUDIT_DAEMON_ACCEPT: {network, connection, "remote-audit-connected", namesNobody},
	auparse.AUDIT_DAEMON_CLOSE:  {network, closed, "remote-audit-disconnected", namesNobody},
	auparse.AUDIT_KERNEL:        {process, info, "initialized-audit-subsystem", namesNobody},

	auparse.AUDIT_SYSTEM_BOOT:     {host, start, "booted-system", namesNobody},
	auparse.AUDIT_SYSTEM_SHUTDOWN: {host, end, "shutdown-system", namesNobody},
	auparse.AUDIT_SYSTEM_RUNLEVEL: {host, change, "changed-to-runlevel", namesNobody},
	auparse.AUDIT_TIME_INJOFFSET:  {host, change, "changed-system-time", namesNobody},
	auparse.AUDIT_TIME_ADJNTPVAL:  {host, change, "changed-system-time", namesNobody},
	auparse.AUDIT_SOFTWARE_UPDATE: {[]string{"package"}, info, "package-updated", namesNobody},

	auparse.AUDIT_CRYPTO_KEY_USER: {process, info, "negotiated-crypto-key", namesNobody},
	auparse.AUDIT_CRYPTO_SESSION:  {process, info, "started-crypto-session", namesNobody},
	auparse.AUDIT_CRYPTO_LOGIN:    {nil, nil, "crypto-officer-logged-in", namesNobody},
	auparse.AUDIT_CRYPTO_LOGOUT:   {process, info, "crypto-officer-logged-out", namesNobody},

	auparse.AUDIT_VIRT_CONTROL:         {host, info, "issued-vm-control", namesNobody},
	auparse.AUDIT_VIRT_CREATE:          {host, info, "created-vm-image", namesNobody},
	auparse.AUDIT_VIRT_DESTROY:         {host, info, "deleted-vm-image", namesNobody},
	auparse.AUDIT_VIRT_INTEGRITY_CHECK: {host, info, "checked-integrity-of", namesNobody},
	auparse.AUDIT_VIRT_MACHINE_ID:      {host, info, "assigned-vm-id", namesNobody},
	auparse.AUDIT_VIRT_MIGRATE_IN:      {host, info, "migrated-vm-from", namesNobody},
	auparse.AUDIT_VIRT_MIGRATE_OUT:     {host, info, "migrated-vm-to", namesNobody},
	auparse.AUDIT_VIRT_RESOURCE:        {host, info, "assigned-vm-resource", namesNobody},

	auparse.AUDIT_ANOM_ABEND:               {runAnomaly, []string{"end", "info"}, "crashed-program", namesNobody},
	auparse.AUDIT_ANOM_EXEC:                {runAnomaly, []string{"start", "info"}, "attempted-execution-of-forbidden-program", namesNobody},
	auparse.AUDIT_ANOM_LINK:                {fileAnomaly, []string{"access", "info"}, "used-suspicious-link", namesNobody},
	auparse.AUDIT_ANOM_MK_EXEC:             {fileAnomaly, []string{"change", "info"}, "made-an-executable", namesNobody},
	auparse.AUDIT_ANOM_ACCESS_FS:           {fileAnomaly, []string{"access", "info"}, "accessed-watched-file-or-directory", namesNobody},
	auparse.AUDIT_ANOM_PROMISCUOUS:         {anomaly, []string{"info", "change"}, "changed-promiscuous-mode-on-device", namesNobody},
	auparse.AUDIT_ANOM_LOGIN_FAILURES:      {loginAnomaly, denied, "failed-log-in-too-many-times-to", namesEffective},
	auparse.AUDIT_ANOM_LOGIN_LOCATION:      {loginAnomaly, denied, "attempted-log-in-from-unusual-place-to", namesEffective},
	auparse.AUDIT_ANOM_LOGIN_SESSIONS:      {loginAnomaly, denied, "opened-too-many-sessions-to", namesEffective},
	auparse.AUDIT_ANOM_LOGIN_TIME:          {loginAnomaly, denied, "attempted-log-in-during-unusual-hour-to", namesEffective},
	auparse.AUDIT_ANOM_LOGIN_ACCT:          {loginAnomaly, denied, "attempted-log-in-to-watched-account", namesEffective},
	auparse.AUDIT_ANOM_LOGIN_SERVICE:       {loginAnomaly, denied, "service-account-attempted-login", namesEffective},
	auparse.AUDIT_ANOM_ROOT_TRANS:          {loginAnomaly, []string{"start", "info"}, "user-became-root", namesEffective},
	auparse.AUDIT_ANOM_ADD_ACCT:            {iamAnomaly, []string{"user", "creation", "info"}, "added-user-account", namesTarget},
	auparse.AUDIT_ANOM_DEL_ACCT:            {iamAnomaly, []string{"user", "deletion", "info"}, "deleted-user-account", namesTarget},
	auparse.AUDIT_ANOM_MOD_ACCT:            {iamAnomaly, []string{"user", "change", "info"}, "modified-user-account", namesTarget},
	auparse.AUDIT_ANOM_RBAC_INTEGRITY_FAIL: {anomaly, info, "tested-file-system-integrity-of", namesNobody},
	auparse.AUDIT_ANOM_MAX_DAC:             {anomaly, info, "max-discretionary-access-control-failures-reached", namesNobody},
	auparse.AUDIT_ANOM_MAX_MAC:             {anomaly, info, "max-mandatory-access-control-failures-reached", namesNobody},
	auparse.AUDIT_ANOM_AMTU_FAIL:           {anomaly, info, "abstract-machine-test-utility-failure", namesNobody},
	auparse.AUDIT_ANOM_RBAC_FAIL:           {anomaly, info, "rbac-self-test-failure", namesNobody},
	auparse.AUDIT_ANOM_CRYPTO_FAIL:         {anomaly, info, "crypto-system-test-failure", namesNobody},
}
