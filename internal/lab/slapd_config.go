package lab

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"path/filepath"
	"strings"
)

// pgpSchema has the attributes that PGP key servers in LDAP have in common, with the object identifiers that are in
// use for them, and those by which some directories hold the certificates of people. The fingerprint is a later
// addition.
const pgpSchema = `
attributetype ( 1.3.6.1.4.1.3401.8.2.8 NAME 'pgpBaseKeySpaceDN'
	EQUALITY distinguishedNameMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.12 SINGLE-VALUE )
attributetype ( 1.3.6.1.4.1.3401.8.2.9 NAME 'pgpSoftware'
	EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.3.6.1.4.1.3401.8.2.10 NAME 'pgpVersion'
	EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.3.6.1.4.1.3401.8.2.11 NAME 'pgpKey'
	EQUALITY octetStringMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 )
attributetype ( 1.3.6.1.4.1.3401.8.2.12 NAME 'pgpCertID'
	EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.3.6.1.4.1.3401.8.2.13 NAME 'pgpDisabled'
	EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.3.6.1.4.1.3401.8.2.15 NAME 'pgpUserID'
	EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
attributetype ( 1.3.6.1.4.1.11591.2.4.1.1 NAME 'gpgFingerprint'
	EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.3.6.1.4.1.4203.666.1.900 NAME 'userPGPCertificate'
	EQUALITY octetStringMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 )
objectclass ( 1.3.6.1.4.1.3401.8.2.23 NAME 'pgpServerInfo' SUP top STRUCTURAL
	MUST ( cn $ pgpBaseKeySpaceDN ) MAY ( pgpSoftware $ pgpVersion ) )
objectclass ( 1.3.6.1.4.1.3401.8.2.24 NAME 'pgpKeyInfo' SUP top STRUCTURAL
	MUST ( pgpCertID $ pgpKey ) MAY ( pgpDisabled $ pgpUserID $ gpgFingerprint ) )
objectclass ( 1.3.6.1.4.1.4203.666.3.900 NAME 'labPGPUser' SUP top AUXILIARY
	MAY ( mail $ userPGPCertificate ) )
`

// slapdConf returns a slapd.conf(5) for a folder with the schema, the certificate and the data.
func slapdConf(tree Tree, dir string) string {
	in := func(name string) string { return filepath.Join(dir, name) }
	return fmt.Sprintf(`include %s
include %s
include %s
pidfile %s
modulepath %s
moduleload back_mdb
TLSCertificateFile %s
TLSCertificateKeyFile %s
TLSVerifyClient never

database mdb
suffix "dc=lab,dc=example"
directory %s
maxsize 67108864
access to dn.subtree="%s" by dn.exact="%s" read by * none
access to attrs=userPassword by anonymous auth by * none
access to * by * read
`, tree.Path("/etc/ldap/schema/core.schema"), tree.Path("/etc/ldap/schema/cosine.schema"), in("pgp.schema"), in("pid"),
		tree.Path("/usr/lib/ldap"), in("cert.pem"), in("key.pem"), in("data"), SlapdSecret, SlapdBindDN)
}

// slapdEntries returns all entries in LDIF (RFC 2849).
func slapdEntries(config SlapdConfig) string {
	var b strings.Builder
	entry := func(dn string, attributes ...string) {
		ldif(&b, "dn", dn)
		for i := 0; i+1 < len(attributes); i += 2 {
			ldif(&b, attributes[i], attributes[i+1])
		}
		b.WriteString("\n")
	}
	entry("dc=lab,dc=example", "objectClass", "dcObject", "objectClass", "organization", "o", "Lab", "dc", "lab")
	for _, dn := range []string{SlapdBase, SlapdPeople, SlapdSecret} {
		name := strings.TrimPrefix(strings.Split(dn, ",")[0], "ou=")
		entry(dn, "objectClass", "organizationalUnit", "ou", name)
	}
	entry(SlapdBindDN, "objectClass", "organizationalRole", "objectClass", "simpleSecurityObject", "cn", "reader",
		"userPassword", SlapdPassword)
	entry(SlapdReferral, "objectClass", "referral", "objectClass", "extensibleObject", "ou", "Elsewhere",
		"ref", "ldap://127.0.0.1:1/"+SlapdReferral)
	entry("cn=pgpServerInfo,dc=lab,dc=example", "objectClass", "pgpServerInfo", "cn", "pgpServerInfo",
		"pgpBaseKeySpaceDN", SlapdBase, "pgpSoftware", "OpenLDAP")
	for _, key := range config.Keys {
		under, disabled := key.Under, "0"
		if under == "" {
			under = SlapdBase
		}
		if key.Disabled {
			disabled = "1"
		}
		attributes := []string{"objectClass", "pgpKeyInfo", "pgpCertID", key.CertID, "pgpKey", string(key.Key), "pgpDisabled", disabled}
		for _, userID := range key.UserIDs {
			attributes = append(attributes, "pgpUserID", userID)
		}
		if key.Fingerprint != "" {
			attributes = append(attributes, "gpgFingerprint", key.Fingerprint)
		}
		entry("pgpCertID="+key.CertID+","+under, attributes...)
	}
	for _, person := range config.People {
		entry("cn="+person.Name+","+SlapdPeople, "objectClass", "person", "objectClass", "labPGPUser", "cn", person.Name,
			"sn", person.Name, "mail", person.Mail, "userPGPCertificate", string(person.Cert))
	}
	return b.String()
}

// ldif writes one attribute in Base64, which takes any value.
func ldif(b *strings.Builder, attribute, value string) {
	fmt.Fprintf(b, "%s:: %s\n", attribute, base64.StdEncoding.EncodeToString([]byte(value)))
}

// encodePEM returns a certificate and its key as the files that servers read.
func encodePEM(certificate *tls.Certificate) (certificatePEM, keyPEM string, err error) {
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	if err != nil {
		return "", "", err
	}
	encode := func(label string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der}))
	}
	return encode("CERTIFICATE", certificate.Certificate[0]), encode("PRIVATE KEY", key), nil
}
