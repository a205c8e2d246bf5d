"""Brazil: its states, their larger cities, and how far they lie from each other."""

import math
from functools import cache
from typing import NamedTuple

import numpy as np
import polars as pl

from dashboard.loading.demo.draw import Dice, Integers, named


class State(NamedTuple):
    """A state: where its capital lies, and its customers and sellers per thousand."""

    code: str
    latitude: float
    longitude: float
    customers: float
    sellers: float


class City(NamedTuple):
    """A city: its share of the state's customers in percent, and its first and last zip prefix."""

    state: str
    name: str
    share: float
    first_zip: int
    last_zip: int


# Shares of customers and sellers in Olist's public data set; the capitals' places from IBGE's gazetteer.
STATES = (
    State("SP", -23.55, -46.63, 419.8, 597.4),
    State("RJ", -22.91, -43.17, 129.2, 55.3),
    State("MG", -19.92, -43.94, 117.0, 78.8),
    State("RS", -30.03, -51.23, 55.0, 41.7),
    State("PR", -25.43, -49.27, 50.7, 112.8),
    State("SC", -27.60, -48.55, 36.6, 61.4),
    State("BA", -12.97, -38.50, 34.0, 6.1),
    State("DF", -15.78, -47.93, 21.5, 9.7),
    State("ES", -20.32, -40.34, 20.4, 7.4),
    State("GO", -16.68, -49.25, 20.3, 12.9),
    State("PE", -8.05, -34.88, 16.6, 2.9),
    State("CE", -3.72, -38.54, 13.4, 4.2),
    State("PA", -1.46, -48.50, 9.8, 0.3),
    State("MT", -15.60, -56.10, 9.1, 1.3),
    State("MA", -2.53, -44.30, 7.5, 0.3),
    State("MS", -20.44, -54.65, 7.2, 1.6),
    State("PB", -7.12, -34.86, 5.4, 1.9),
    State("PI", -5.09, -42.80, 5.0, 0.3),
    State("RN", -5.79, -35.21, 4.9, 1.6),
    State("AL", -9.67, -35.74, 4.2, 0.3),
    State("SE", -10.91, -37.07, 3.5, 0.6),
    State("TO", -10.18, -48.33, 2.8, 0.3),
    State("RO", -8.76, -63.90, 2.5, 0.6),
    State("AM", -3.10, -60.02, 1.5, 0.3),
    State("AC", -9.97, -67.81, 0.8, 0.3),
    State("AP", 0.03, -51.07, 0.7, 0.0),
    State("RR", 2.82, -60.67, 0.5, 0.0),
)

# The capital's share is that in Olist's data; the others follow their population (IBGE, census of 2022).
CITIES = (
    City("SP", "sao paulo", 37.2, 1001, 5899),
    City("SP", "guarulhos", 5.6, 7000, 7399),
    City("SP", "campinas", 6.2, 13000, 13140),
    City("SP", "sao bernardo do campo", 4.2, 9600, 9899),
    City("SP", "santo andre", 3.6, 9000, 9299),
    City("SP", "osasco", 3.4, 6000, 6299),
    City("SP", "sao jose dos campos", 3.7, 12200, 12248),
    City("SP", "ribeirao preto", 3.6, 14000, 14109),
    City("SP", "sorocaba", 3.6, 18000, 18109),
    City("SP", "santos", 3.6, 11000, 11099),
    City("SP", "jundiai", 2.9, 13200, 13219),
    City("SP", "sao jose do rio preto", 2.7, 15000, 15104),
    City("SP", "maua", 2.2, 9300, 9399),
    City("SP", "mogi das cruzes", 2.4, 8700, 8899),
    City("SP", "piracicaba", 2.3, 13400, 13439),
    City("SP", "bauru", 2.1, 17000, 17109),
    City("SP", "diadema", 2.0, 9900, 9999),
    City("SP", "barueri", 2.0, 6400, 6499),
    City("SP", "taubate", 1.8, 12000, 12119),
    City("SP", "limeira", 1.7, 13480, 13489),
    City("SP", "franca", 1.6, 14400, 14414),
    City("SP", "praia grande", 1.6, 11700, 11729),
    City("RJ", "rio de janeiro", 53.5, 20000, 23799),
    City("RJ", "niteroi", 6.6, 24000, 24399),
    City("RJ", "nova iguacu", 6.2, 26000, 26299),
    City("RJ", "sao goncalo", 6.5, 24400, 24799),
    City("RJ", "duque de caxias", 5.3, 25000, 25499),
    City("RJ", "petropolis", 3.6, 25600, 25779),
    City("RJ", "campos dos goytacazes", 3.7, 28000, 28149),
    City("RJ", "sao joao de meriti", 3.1, 25500, 25599),
    City("RJ", "macae", 2.9, 27900, 27999),
    City("RJ", "volta redonda", 2.9, 27200, 27299),
    City("RJ", "cabo frio", 2.4, 28900, 28924),
    City("RJ", "teresopolis", 1.8, 25950, 25999),
    City("MG", "belo horizonte", 23.8, 30000, 31999),
    City("MG", "uberlandia", 11.0, 38400, 38419),
    City("MG", "juiz de fora", 9.5, 36000, 36109),
    City("MG", "contagem", 9.8, 32000, 32399),
    City("MG", "betim", 6.5, 32500, 32699),
    City("MG", "montes claros", 6.4, 39400, 39409),
    City("MG", "uberaba", 5.6, 38000, 38099),
    City("MG", "governador valadares", 4.7, 35000, 35109),
    City("MG", "ipatinga", 4.5, 35160, 35164),
    City("MG", "sete lagoas", 4.3, 35700, 35703),
    City("MG", "divinopolis", 4.3, 35500, 35504),
    City("MG", "pocos de caldas", 4.8, 37700, 37719),
    City("MG", "varginha", 4.8, 37000, 37109),
    City("RS", "porto alegre", 25.2, 90000, 91999),
    City("RS", "caxias do sul", 13.0, 95000, 95124),
    City("RS", "canoas", 10.0, 92000, 92449),
    City("RS", "pelotas", 9.5, 96000, 96099),
    City("RS", "santa maria", 9.4, 97000, 97119),
    City("RS", "novo hamburgo", 8.5, 93300, 93599),
    City("RS", "gravatai", 7.4, 94000, 94299),
    City("RS", "passo fundo", 6.6, 99000, 99099),
    City("RS", "sao leopoldo", 5.9, 93000, 93179),
    City("RS", "rio grande", 4.5, 96200, 96224),
    City("PR", "curitiba", 30.1, 80000, 82999),
    City("PR", "londrina", 14.4, 86000, 86109),
    City("PR", "maringa", 12.4, 87000, 87109),
    City("PR", "ponta grossa", 9.8, 84000, 84099),
    City("PR", "cascavel", 9.6, 85800, 85819),
    City("PR", "sao jose dos pinhais", 8.6, 83000, 83149),
    City("PR", "foz do iguacu", 8.5, 85850, 85869),
    City("PR", "guarapuava", 6.6, 85000, 85109),
    City("SC", "florianopolis", 15.7, 88000, 88099),
    City("SC", "joinville", 20.5, 89200, 89239),
    City("SC", "blumenau", 14.0, 89000, 89099),
    City("SC", "sao jose", 11.5, 88100, 88123),
    City("SC", "itajai", 10.8, 88300, 88319),
    City("SC", "chapeco", 10.4, 89800, 89816),
    City("SC", "balneario camboriu", 8.7, 88330, 88339),
    City("SC", "criciuma", 8.4, 88800, 88819),
    City("BA", "salvador", 36.8, 40000, 42599),
    City("BA", "feira de santana", 15.8, 44000, 44109),
    City("BA", "vitoria da conquista", 12.1, 45000, 45104),
    City("BA", "camacari", 9.6, 42800, 42849),
    City("BA", "lauro de freitas", 8.9, 42700, 42729),
    City("BA", "itabuna", 6.8, 45600, 45619),
    City("BA", "ilheus", 5.2, 45650, 45669),
    City("BA", "porto seguro", 4.8, 45810, 45819),
    City("DF", "brasilia", 99.6, 70000, 72799),
    City("DF", "taguatinga", 0.4, 72000, 72199),
    City("ES", "vitoria", 21.0, 29000, 29099),
    City("ES", "vila velha", 27.5, 29100, 29129),
    City("ES", "serra", 26.0, 29160, 29184),
    City("ES", "cariacica", 14.0, 29140, 29159),
    City("ES", "cachoeiro de itapemirim", 11.5, 29300, 29329),
    City("GO", "goiania", 41.0, 74000, 74899),
    City("GO", "aparecida de goiania", 19.5, 74900, 74999),
    City("GO", "anapolis", 18.0, 75000, 75149),
    City("GO", "rio verde", 11.0, 75900, 75914),
    City("GO", "valparaiso de goias", 10.5, 72870, 72879),
    City("PE", "recife", 38.0, 50000, 52999),
    City("PE", "jaboatao dos guararapes", 24.0, 54000, 54499),
    City("PE", "olinda", 16.0, 53000, 53399),
    City("PE", "caruaru", 12.0, 55000, 55099),
    City("PE", "petrolina", 10.0, 56300, 56334),
    City("CE", "fortaleza", 49.5, 60000, 61599),
    City("CE", "caucaia", 20.0, 61600, 61659),
    City("CE", "juazeiro do norte", 16.5, 63000, 63049),
    City("CE", "sobral", 14.0, 62000, 62109),
    City("PA", "belem", 46.0, 66000, 66999),
    City("PA", "ananindeua", 24.0, 67000, 67199),
    City("PA", "santarem", 16.0, 68000, 68109),
    City("PA", "maraba", 14.0, 68500, 68514),
    City("MT", "cuiaba", 43.0, 78000, 78099),
    City("MT", "varzea grande", 22.0, 78110, 78169),
    City("MT", "rondonopolis", 20.0, 78700, 78759),
    City("MT", "sinop", 15.0, 78550, 78559),
    City("MA", "sao luis", 55.0, 65000, 65109),
    City("MA", "imperatriz", 28.0, 65900, 65919),
    City("MA", "caxias", 17.0, 65600, 65609),
    City("MS", "campo grande", 62.0, 79000, 79124),
    City("MS", "dourados", 24.0, 79800, 79849),
    City("MS", "tres lagoas", 14.0, 79600, 79659),
    City("PB", "joao pessoa", 58.0, 58000, 58099),
    City("PB", "campina grande", 32.0, 58400, 58449),
    City("PB", "patos", 10.0, 58700, 58710),
    City("PI", "teresina", 72.0, 64000, 64099),
    City("PI", "parnaiba", 28.0, 64200, 64219),
    City("RN", "natal", 57.0, 59000, 59139),
    City("RN", "parnamirim", 24.0, 59140, 59161),
    City("RN", "mossoro", 19.0, 59600, 59649),
    City("AL", "maceio", 76.0, 57000, 57099),
    City("AL", "arapiraca", 24.0, 57300, 57319),
    City("SE", "aracaju", 72.0, 49000, 49099),
    City("SE", "nossa senhora do socorro", 28.0, 49160, 49169),
    City("TO", "palmas", 52.0, 77000, 77270),
    City("TO", "araguaina", 48.0, 77800, 77845),
    City("RO", "porto velho", 57.0, 76800, 76834),
    City("RO", "ji-parana", 43.0, 76900, 76914),
    City("AM", "manaus", 97.0, 69000, 69099),
    City("AM", "itacoatiara", 3.0, 69100, 69109),
    City("AC", "rio branco", 87.0, 69900, 69924),
    City("AC", "cruzeiro do sul", 13.0, 69980, 69980),
    City("AP", "macapa", 76.0, 68900, 68914),
    City("AP", "santana", 24.0, 68925, 68929),
    City("RR", "boa vista", 100.0, 69300, 69339),
)

STATE_NUMBERS = {state.code: number for number, state in enumerate(STATES)}
CITY_STATES: Integers = np.array([STATE_NUMBERS[city.state] for city in CITIES])

CUSTOMER_WEIGHTS = tuple(STATES[STATE_NUMBERS[city.state]].customers * city.share for city in CITIES)
SELLER_WEIGHTS = tuple(STATES[STATE_NUMBERS[city.state]].sellers * city.share for city in CITIES)

WITHIN_STATE_KM = 80
EARTH_RADIUS_KM = 6_371


def addresses(dice: Dice, subject: str, numbers: Integers, cities: Integers) -> dict[str, pl.Series]:
    """The columns ``{subject}_zip_code_prefix``, ``_city`` and ``_state`` of rows in these cities."""
    first = np.array([city.first_zip for city in CITIES])[cities]
    last = np.array([city.last_zip for city in CITIES])[cities]
    prefixes = pl.Series(dice.integers(f"{subject} zip", numbers, first, last))
    return {
        f"{subject}_zip_code_prefix": prefixes.cast(pl.String).str.zfill(5),
        f"{subject}_city": named([city.name for city in CITIES], cities),
        f"{subject}_state": named([city.state for city in CITIES], cities),
    }


@cache
def distances_km() -> Integers:
    """Whole kilometres from state to state, by their capitals."""
    return np.array([[_distance_km(a, b) for b in STATES] for a in STATES])


def _distance_km(a: State, b: State) -> int:
    if a is b:
        return WITHIN_STATE_KM
    north_a, north_b = math.radians(a.latitude), math.radians(b.latitude)
    east = math.radians(a.longitude - b.longitude)
    cosine = math.sin(north_a) * math.sin(north_b) + math.cos(north_a) * math.cos(north_b) * math.cos(east)
    return round(EARTH_RADIUS_KM * math.acos(cosine))
