package site

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"fmt"

	"github.com/google/uuid"
)

// profileFormat is a configuration profile with one root certificate for iOS, iPadOS and macOS (Apple's "Configuration
// Profile Reference", payload com.apple.security.root). Its arguments are the certificate in base64, the name, a part of the
// identifiers, and the identifiers of the payload and of the profile.
const profileFormat = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>PayloadContent</key>
	<array>
		<dict>
			<key>PayloadCertificateFileName</key>
			<string>meet-ca.crt</string>
			<key>PayloadContent</key>
			<data>%[1]s</data>
			<key>PayloadDisplayName</key>
			<string>%[2]s</string>
			<key>PayloadIdentifier</key>
			<string>meet.authority.%[3]s.certificate</string>
			<key>PayloadType</key>
			<string>com.apple.security.root</string>
			<key>PayloadUUID</key>
			<string>%[4]s</string>
			<key>PayloadVersion</key>
			<integer>1</integer>
		</dict>
	</array>
	<key>PayloadDescription</key>
	<string>Lets this device open the pages of this Meet server over https.</string>
	<key>PayloadDisplayName</key>
	<string>%[2]s</string>
	<key>PayloadIdentifier</key>
	<string>meet.authority.%[3]s</string>
	<key>PayloadRemovalDisallowed</key>
	<false/>
	<key>PayloadType</key>
	<string>Configuration</string>
	<key>PayloadUUID</key>
	<string>%[3]s</string>
	<key>PayloadVersion</key>
	<integer>1</integer>
</dict>
</plist>
`

// profile returns the configuration profile of an authority. The identifiers depend only on the certificate, so that a
// device that installs the profile twice has it once.
func profile(a *Authority) ([]byte, error) {
	var name bytes.Buffer
	if err := xml.EscapeText(&name, []byte(a.Name)); err != nil {
		return nil, fmt.Errorf("write the name of the authority: %w", err)
	}
	whole := uuid.NewSHA1(uuid.NameSpaceOID, a.DER)
	payload := uuid.NewSHA1(whole, a.DER)
	return fmt.Appendf(nil, profileFormat, base64.StdEncoding.EncodeToString(a.DER), name.String(), whole, payload), nil
}
