package client

import "fmt"

// Platform is one of the vendor's platforms; each account belongs to one (docs; the hosts as public
// integrations have them).
type Platform string

// The platforms. Public documents name two gateways for KSA1; this one is from an SDK in use.
const (
	US1  Platform = "US1"
	US2  Platform = "US2"
	US3  Platform = "US3"
	US4  Platform = "US4"
	EU1  Platform = "EU1"
	EU2  Platform = "EU2"
	EU3  Platform = "EU3"
	IN1  Platform = "IN1"
	CA1  Platform = "CA1"
	AE1  Platform = "AE1"
	UK1  Platform = "UK1"
	AU1  Platform = "AU1"
	KSA1 Platform = "KSA1"
)

// hosts are the addresses of a platform without "gateway." and "qualysapi.".
var hosts = map[Platform]struct{ gateway, api string }{
	US1:  {"qg1.apps.qualys.com", "qualys.com"},
	US2:  {"qg2.apps.qualys.com", "qg2.apps.qualys.com"},
	US3:  {"qg3.apps.qualys.com", "qg3.apps.qualys.com"},
	US4:  {"qg4.apps.qualys.com", "qg4.apps.qualys.com"},
	EU1:  {"qg1.apps.qualys.eu", "qualys.eu"},
	EU2:  {"qg2.apps.qualys.eu", "qg2.apps.qualys.eu"},
	EU3:  {"qg3.apps.qualys.it", "qg3.apps.qualys.it"},
	IN1:  {"qg1.apps.qualys.in", "qg1.apps.qualys.in"},
	CA1:  {"qg1.apps.qualys.ca", "qg1.apps.qualys.ca"},
	AE1:  {"qg1.apps.qualys.ae", "qg1.apps.qualys.ae"},
	UK1:  {"qg1.apps.qualys.co.uk", "qg1.apps.qualys.co.uk"},
	AU1:  {"qg1.apps.qualys.com.au", "qg1.apps.qualys.com.au"},
	KSA1: {"qg1.apps.qualysksa.com", "qg1.apps.qualysksa.com"},
}

// Platforms lists the platforms.
func Platforms() []Platform {
	return []Platform{US1, US2, US3, US4, EU1, EU2, EU3, IN1, CA1, AE1, UK1, AU1, KSA1}
}

// Gateway is the base URL for calls with a token; empty for an unknown platform.
func (p Platform) Gateway() string {
	if h, ok := hosts[p]; ok {
		return "https://gateway." + h.gateway
	}
	return ""
}

// APIServer is the base URL for calls with user name and password (HTTP Basic); empty for an
// unknown platform.
func (p Platform) APIServer() string {
	if h, ok := hosts[p]; ok {
		return "https://qualysapi." + h.api
	}
	return ""
}

func (p Platform) check() error {
	if _, ok := hosts[p]; !ok {
		return fmt.Errorf("client: platform %q is not one of %v", string(p), Platforms())
	}
	return nil
}
