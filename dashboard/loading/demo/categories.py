"""The 70 product categories, with the names that Olist gave them."""

from typing import NamedTuple


class Category(NamedTuple):
    """How much of a category is sold (items in 100,000), at what price (BRL) and weight (g)."""

    name: str | None
    english: str | None
    sold: int
    median_price: float
    price_sigma: float  # deviation of the prices' logarithm
    median_weight: int


# Volumes, prices and weights as in Olist's public data set, rounded.
CATEGORIES = (
    Category("cama_mesa_banho", "bed_bath_table", 9_870, 78, 0.66, 1_350),
    Category("beleza_saude", "health_beauty", 8_580, 79, 0.9, 430),
    Category("esporte_lazer", "sports_leisure", 7_670, 79, 0.82, 800),
    Category("moveis_decoracao", "furniture_decor", 7_400, 65, 0.78, 1_400),
    Category("informatica_acessorios", "computers_accessories", 6_950, 77, 0.85, 300),
    Category("utilidades_domesticas", "housewares", 6_180, 63, 0.83, 1_250),
    Category("relogios_presentes", "watches_gifts", 5_320, 128, 0.92, 350),
    Category("telefonia", "telephony", 4_030, 38, 0.9, 200),
    Category("ferramentas_jardim", "garden_tools", 3_860, 72, 0.8, 1_500),
    Category("automotivo", "auto", 3_760, 83, 0.9, 750),
    Category("brinquedos", "toys", 3_660, 84, 0.82, 900),
    Category("cool_stuff", "cool_stuff", 3_370, 108, 0.9, 1_300),
    Category("perfumaria", "perfumery", 3_030, 87, 0.8, 400),
    Category("bebes", "baby", 2_720, 88, 0.86, 900),
    Category("eletronicos", "electronics", 2_460, 29, 0.95, 180),
    Category("papelaria", "stationery", 2_230, 62, 0.82, 700),
    Category("fashion_bolsas_e_acessorios", "fashion_bags_accessories", 1_800, 55, 0.6, 250),
    Category("pet_shop", "pet_shop", 1_730, 72, 0.82, 900),
    Category("moveis_escritorio", "office_furniture", 1_500, 143, 0.5, 9_700),
    Category("consoles_games", "consoles_games", 1_010, 74, 1.05, 300),
    Category("malas_acessorios", "luggage_accessories", 970, 108, 0.65, 1_700),
    Category("construcao_ferramentas_construcao", "construction_tools_construction", 830, 92, 1.0, 2_000),
    Category("eletrodomesticos", "home_appliances", 680, 57, 0.8, 900),
    Category("instrumentos_musicais", "musical_instruments", 600, 125, 1.05, 1_000),
    Category("eletroportateis", "small_appliances", 600, 152, 1.15, 2_700),
    Category("casa_construcao", "home_construction", 540, 95, 0.85, 1_200),
    Category("livros_interesse_geral", "books_general_interest", 490, 52, 0.85, 500),
    Category("alimentos", "food", 450, 41, 0.68, 500),
    Category("moveis_sala", "furniture_living_room", 450, 93, 0.7, 8_500),
    Category("casa_conforto", "home_confort", 390, 100, 0.85, 1_800),
    Category("bebidas", "drinks", 340, 41, 0.7, 750),
    Category("audio", "audio", 320, 92, 1.05, 350),
    Category("market_place", "market_place", 280, 84, 0.85, 800),
    Category("construcao_ferramentas_iluminacao", "construction_tools_lights", 270, 90, 0.8, 900),
    Category("climatizacao", "air_conditioning", 260, 135, 0.75, 4_500),
    Category(
        "moveis_cozinha_area_de_servico_jantar_e_jardim",
        "kitchen_dining_laundry_garden_furniture",
        *(250, 105, 0.9, 6_500),
    ),
    Category("alimentos_bebidas", "food_drink", 250, 44, 0.66, 800),
    Category("industria_comercio_e_negocios", "industry_commerce_and_business", 240, 85, 0.85, 3_500),
    Category("livros_tecnicos", "books_technical", 240, 55, 0.75, 700),
    Category("telefonia_fixa", "fixed_telephony", 235, 88, 1.1, 500),
    Category("fashion_calcados", "fashion_shoes", 235, 71, 0.65, 600),
    Category("eletrodomesticos_2", "home_appliances_2", 210, 280, 1.05, 7_000),
    Category("construcao_ferramentas_jardim", "costruction_tools_garden", 210, 70, 0.95, 2_200),
    Category("agro_industria_e_comercio", "agro_industry_and_commerce", 190, 120, 1.3, 1_900),
    Category("artes", "art", 185, 58, 1.1, 900),
    Category("pcs", "computers", 180, 950, 0.5, 9_000),
    Category("sinalizacao_e_seguranca", "signaling_and_security", 178, 70, 0.9, 600),
    Category("construcao_ferramentas_seguranca", "construction_tools_safety", 172, 150, 0.85, 1_500),
    Category("artigos_de_natal", "christmas_supplies", 136, 35, 0.75, 500),
    Category("fashion_roupa_masculina", "fashion_male_clothing", 117, 65, 0.75, 450),
    Category("fashion_underwear_e_moda_praia", "fashion_underwear_beach", 117, 58, 0.55, 250),
    Category("moveis_quarto", "furniture_bedroom", 97, 140, 0.95, 9_000),
    Category("construcao_ferramentas_ferramentas", "costruction_tools_tools", 92, 110, 0.9, 1_600),
    Category("tablets_impressao_imagem", "tablets_printing_image", 74, 80, 0.65, 300),
    Category("portateis_casa_forno_e_cafe", "small_appliances_home_oven_and_coffee", 67, 470, 0.95, 5_500),
    Category("cine_foto", "cine_photo", 64, 72, 0.7, 700),
    Category("dvds_blu_ray", "dvds_blu_ray", 57, 80, 0.6, 400),
    Category("livros_importados", "books_imported", 53, 65, 0.65, 600),
    Category("fashion_roupa_feminina", "fashio_female_clothing", 43, 54, 0.65, 400),
    Category("artigos_de_festas", "party_supplies", 38, 75, 0.9, 900),
    Category("fraldas_higiene", "diapers_and_hygiene", 35, 38, 0.5, 800),
    Category("moveis_colchao_e_estofado", "furniture_mattress_and_upholstery", 34, 95, 0.7, 9_500),
    Category("musica", "music", 34, 110, 0.95, 700),
    Category("flores", "flowers", 29, 34, 0.4, 600),
    Category("fashion_esporte", "fashion_sport", 27, 62, 0.55, 350),
    Category("casa_conforto_2", "home_comfort_2", 27, 24, 0.7, 700),
    Category("artes_e_artesanato", "arts_and_craftmanship", 21, 62, 0.9, 600),
    Category("cds_dvds_musicais", "cds_dvds_musicals", 12, 50, 0.3, 500),
    Category("la_cuisine", "la_cuisine", 12, 130, 0.6, 2_000),
    Category("fashion_roupa_infanto_juvenil", "fashion_childrens_clothes", 7, 68, 0.5, 350),
)

# Some products have no category, and then neither names nor photos.
NO_CATEGORY = Category(None, None, 1_420, 65, 0.88, 450)

# How many times more is sold of a category in some months.
SEASONAL = {
    "artigos_de_natal": {10: 4.0, 11: 9.0, 12: 8.0},
    "brinquedos": {10: 1.8, 11: 1.7, 12: 1.9},  # Children's Day, Christmas
    "climatizacao": {1: 2.2, 2: 1.8, 6: 0.5, 7: 0.5, 11: 1.5, 12: 2.0},
    "eletronicos": {11: 1.4},
    "fashion_bolsas_e_acessorios": {5: 1.3, 12: 1.3},
    "flores": {5: 2.5, 6: 1.5},  # Mother's Day, Dia dos Namorados
    "fashion_underwear_e_moda_praia": {1: 1.8, 2: 1.4, 6: 0.6, 7: 0.6, 12: 1.8},
    "informatica_acessorios": {2: 1.2, 11: 1.3},
    "malas_acessorios": {1: 1.3, 6: 1.3, 12: 1.6},
    "papelaria": {1: 1.9, 2: 1.6},  # the school year starts
    "perfumaria": {5: 1.3, 6: 1.2, 12: 1.3},
    "relogios_presentes": {5: 1.3, 8: 1.25, 12: 1.4},
    "telefonia": {11: 1.3},
}
