package life

import (
	"strings"

	"cairn/sample/dice"
	"cairn/sample/term"
)

// Culture is a small stock of names that go together. All family names fit every sex.
type Culture struct {
	Language         term.Coding
	weight           int // how often among a hundred
	women, men, kins []string
	double           bool // two family names
}

func tongue(code, display string) term.Coding {
	return term.In(term.SystemLanguage, code, display)
}

func names(list string) []string {
	return strings.Fields(list)
}

var cultures = []Culture{
	{tongue("en-US", "English (United States)"), 34,
		names("Alice Emma Grace Hannah Ruth Clara Olivia Nora Ivy Maeve Joan Edith"),
		names("Arthur Henry Walter Owen Thomas Jack Ellis Hugo Samuel Miles George Frank"),
		names("Abbott Barlow Carver Ellison Fairweather Hartley Kendrick Lockwood Marsh O'Brien Pemberton Thorne Whitcombe"), false},
	{tongue("es", "Spanish"), 14,
		names("Sofía Lucía Inés María Begoña Raquel Rocío Belén"),
		names("José Íñigo Álvaro Martín Joaquín Andrés Raúl Tomás"),
		names("Núñez Ordóñez García Peña Ibáñez Gutiérrez Muñoz Zúñiga Sáenz Castaño"), true},
	{tongue("de", "German"), 8,
		names("Käthe Ursula Greta Annika Jördis Heike Lotte Bärbel"),
		names("Jürgen Björn Matthias Günter Karl Sönke Felix Jörg"),
		names("Müller Schröder Weiß Jäger Köhler Groß Fuchs Brandt Vögele"), false},
	{tongue("fr", "French"), 7,
		names("Chloé Zoé Hélène Agnès Océane Aurélie Camille Françoise"),
		names("Étienne François Benoît Loïc Jérôme Luc Théo Rémi"),
		names("Lefèvre Garçon Dubois Noël Besançon Gauthier Prévôt Marchand"), false},
	{tongue("pl", "Polish"), 5,
		names("Małgorzata Agnieszka Zofia Łucja Bożena Kinga"),
		names("Paweł Michał Stanisław Krzysztof Wojciech Łukasz"),
		names("Wójcik Nowak Zając Woźniak Kowalczyk Błaszczyk Gołąb"), false},
	{tongue("tr", "Turkish"), 4,
		names("Ayşe Gülşen Zeynep Özlem Çiğdem Elif"),
		names("Mehmet Ümit İbrahim Çağlar Oğuz Emre"),
		names("Yıldız Şahin Öztürk Çelik Güneş Aydoğan"), false},
	{tongue("sv", "Swedish"), 4,
		names("Åsa Märta Linnéa Elsa Sigrid"), names("Åke Göran Lars Nils Håkan"),
		names("Sjöberg Åkesson Lindström Ekström Öberg"), false},
	{tongue("is", "Icelandic"), 1,
		names("Guðrún Þóra Sæunn"), names("Þorsteinn Æsir Guðmundur"), names("Blöndal Thorlacius Hjaltalín"), false},
	{tongue("vi", "Vietnamese"), 5,
		names("Thị-Hương Ngọc Bích-Thủy Mai Lan-Anh"), names("Văn-Đức Hùng Quốc-Bảo Minh Tuấn"),
		names("Nguyễn Trần Lê Phạm Đặng Vũ"), false},
	{tongue("yo", "Yoruba"), 4,
		names("Adéọlá Fúnmiláyọ̀ Ìfẹ́olúwa Tèmítọ́pẹ́"), names("Adébáyọ̀ Olúmìdé Ayọ̀délé Káyọ̀dé"),
		names("Ọ̀ṣúntókun Adéyẹmí Babátúndé Ògúnlẹ́yẹ"), false},
	{tongue("hi", "Hindi"), 5,
		names("Ananya Priya Meera Kavita Lakshmi"), names("Arjun Rohan Vikram Suresh Anil"),
		names("Sharma Iyer Banerjee Reddy Chaudhary Patel"), false},
	{tongue("el", "Greek"), 3,
		names("Ελένη Δήμητρα Σοφία"), names("Γιώργος Νίκος Ανδρέας"), names("Παυλίδη Σαμαρά Ξενάκη"), false},
	{tongue("ja", "Japanese"), 3,
		names("花子 さくら 美咲"), names("太郎 健一 翔"), names("佐藤 山田 高橋 渡辺"), false},
	{tongue("ar", "Arabic"), 3,
		names("ليلى فاطمة مريم"), names("خالد يوسف عمر"), names("حداد منصور نجار"), false},
}

// PickCulture draws a culture, each as often as it is met here.
func PickCulture(d *dice.Dice) *Culture {
	n := d.Below(100)
	for i := range cultures {
		if n -= cultures[i].weight; n < 0 {
			return &cultures[i]
		}
	}
	return &cultures[0]
}

// GivenName draws a given name.
func (c *Culture) GivenName(d *dice.Dice, female bool) string {
	if female {
		return dice.Pick(d, c.women)
	}
	return dice.Pick(d, c.men)
}

// FamilyName draws a family name, or two where that is the custom.
func (c *Culture) FamilyName(d *dice.Dice) string {
	family := dice.Pick(d, c.kins)
	if c.double {
		family += " " + dice.Pick(d, c.kins)
	}
	return family
}

// Town is invented; its postal code is in a range that is not assigned.
type Town struct {
	Name, State, Code string
}

var (
	towns = []Town{
		{"Cedar Valley", "VT", "00101"}, {"Harbor Point", "ME", "00114"}, {"Port Ellery", "MA", "00122"}, {"Saint-Aubin", "ME", "00137"},
		{"Peñasco Alto", "NM", "00145"}, {"Larkspur Falls", "NH", "00153"}, {"New Älmhult", "MN", "00168"}, {"Quarry Hill", "PA", "00176"},
		{"Willowmere", "NY", "00181"}, {"Cañada Verde", "CO", "00199"}, {"Fort Ashby Cross", "WV", "00206"}, {"Lac-à-Brume", "VT", "00217"},
	}
	// Streets are names of streets.
	Streets = []string{
		"Alder Street", "Birch Lane", "Calle de la Peña", "Foundry Road", "Glebe Walk", "Harvest Way", "Juniper Avenue", "Kestrel Court",
		"Larch Terrace", "Mill Street", "Orchard Row", "Rue des Érables", "Saddler's Yard", "Tannery Lane", "Weir Road",
	}
)

// House is an organisation.
type House struct {
	Name, Domain string
	Home         Town
}

// hospitals is how many of the Houses are hospitals: the first. The others are practices.
const hospitals = 4

// Houses are all organisations.
var Houses = [8]House{
	{"Cedar Valley Hospital", "cedarvalley.example.org", towns[0]},
	{"Saint Brendan Medical Center", "saintbrendan.example.org", towns[2]},
	{"Hospital Peñasco Alto", "penasco.example.org", towns[4]},
	{"Älmhult University Hospital", "almhult.example.org", towns[6]},
	{"Harbor Point Family Practice", "harborpoint.example.org", towns[1]},
	{"Larkspur Health Center", "larkspur.example.org", towns[5]},
	{"Quarry Hill Clinic", "quarryhill.example.org", towns[7]},
	{"Willowmere Pediatrics and Family Care", "willowmere.example.org", towns[8]},
}
